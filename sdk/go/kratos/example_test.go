package squallkratos_test

import (
	"context"
	"fmt"

	squallkratos "github.com/squall-dev/squall/sdk/go/kratos"
)

// In a service: http.NewServer(http.Middleware(squallkratos.Server())).
func ExampleServer() {
	handler := squallkratos.Server()(func(context.Context, any) (any, error) { return "ordered", nil })
	fmt.Println(handler(context.Background(), nil))
	// Output: ordered <nil>
}

// In a client: grpc.DialInsecure(ctx, grpc.WithMiddleware(squallkratos.Client())).
func ExampleClient() {
	call := squallkratos.Client()(func(context.Context, any) (any, error) { return "paid", nil })
	fmt.Println(call(context.Background(), nil))
	// Output: paid <nil>
}
