module github.com/omg-arch/omg/integration

go 1.26.0

require github.com/omg-arch/omg/shared v0.0.0

require (
	github.com/creack/pty v1.1.24 // indirect
	github.com/rogpeppe/go-internal v1.14.1 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
)

replace github.com/omg-arch/omg/shared => ../shared
