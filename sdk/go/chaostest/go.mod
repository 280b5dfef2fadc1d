module github.com/squall-dev/squall/sdk/go/chaostest

go 1.26.0
