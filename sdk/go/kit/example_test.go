package squallkit_test

import (
	"context"
	"fmt"

	squallkit "github.com/squall-dev/squall/sdk/go/kit"
)

func ExampleServer() {
	place := squallkit.Server("Place")(func(context.Context, any) (any, error) { return "ordered", nil })
	fmt.Println(place(context.Background(), nil))
	// Output: ordered <nil>
}

func ExampleClient() {
	pay := squallkit.Client("Pay")(func(context.Context, any) (any, error) { return "paid", nil })
	fmt.Println(pay(context.Background(), nil))
	// Output: paid <nil>
}

// What an endpoint answers that a fault has ended; go-kit's own transports read its status.
func ExampleError() {
	var err error = &squallkit.Error{}
	_, tells := err.(interface{ StatusCode() int })
	fmt.Println(tells)
	// Output: true
}
