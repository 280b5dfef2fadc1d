module squall.dev/shop/suite

go 1.26.0

require github.com/squall-dev/squall/sdk/go/chaostest v0.1.0

replace github.com/squall-dev/squall/sdk/go/chaostest => ../../../sdk/go/chaostest
