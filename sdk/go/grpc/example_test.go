package squallgrpc_test

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	squallgrpc "github.com/squall-dev/squall/sdk/go/grpc"
)

func ExampleStream() {
	server := grpc.NewServer(grpc.ChainStreamInterceptor(squallgrpc.Stream()))
	server.Stop()
}

func ExampleUnaryClient() {
	conn, err := grpc.NewClient("passthrough:///127.0.0.1:8082",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(squallgrpc.UnaryClient()))
	fmt.Println(err, conn.Close())
	// Output: <nil> <nil>
}

func ExampleStreamClient() {
	conn, err := grpc.NewClient("passthrough:///127.0.0.1:8082",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainStreamInterceptor(squallgrpc.StreamClient()))
	fmt.Println(err, conn.Close())
	// Output: <nil> <nil>
}
