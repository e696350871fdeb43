module github.com/omg-arch/omg/omg-probe

go 1.26.0

require (
	github.com/omg-arch/omg/shared v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/pelletier/go-toml/v2 v2.2.4 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/omg-arch/omg/shared => ../shared
