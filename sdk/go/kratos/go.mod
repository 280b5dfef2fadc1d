module github.com/squall-dev/squall/sdk/go/kratos

go 1.26.0

require (
	github.com/go-kratos/kratos/v2 v2.8.3
	github.com/squall-dev/squall/sdk/go v0.1.0
	google.golang.org/grpc v1.85.0
)

require (
	github.com/go-playground/form/v4 v4.2.0 // indirect
	github.com/kr/text v0.2.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/squall-dev/squall/sdk/go => ../
