module github.com/omg-arch/omg/omgd/alpm-worker

go 1.26.0

require (
	github.com/Jguer/go-alpm/v2 v2.3.1
	github.com/omg-arch/omg/omgd v0.0.0
	github.com/omg-arch/omg/shared v0.0.0
	github.com/stretchr/testify v1.12.1
	github.com/vmihailenco/msgpack/v5 v5.4.1
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/ulikunitz/xz v0.5.15 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/omg-arch/omg/omgd => ../

replace github.com/omg-arch/omg/shared => ../../shared
