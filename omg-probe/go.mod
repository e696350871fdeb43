module github.com/omg-arch/omg/omg-probe

go 1.26

require github.com/omg-arch/omg/shared v0.0.0

replace github.com/omg-arch/omg/shared => ../shared
