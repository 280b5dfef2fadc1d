module github.com/squall-dev/squall/sdk/go/http

go 1.26.0

require github.com/squall-dev/squall/sdk/go v0.1.0

replace github.com/squall-dev/squall/sdk/go => ../
