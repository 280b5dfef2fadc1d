module squall.dev/clients

go 1.26
