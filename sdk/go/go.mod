module github.com/squall-dev/squall/sdk/go

go 1.26.0
