module github.com/squall-dev/squall/sdk/go/kit

go 1.26.0

require (
	github.com/go-kit/kit v0.13.0
	github.com/squall-dev/squall/sdk/go v0.1.0
)

replace github.com/squall-dev/squall/sdk/go => ../
