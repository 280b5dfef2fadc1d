// Package squallgrpc lets Squall hurt gRPC calls inside a process: those it serves and those it
// makes, unary and streams.
//
//	grpc.NewServer(
//		grpc.ChainUnaryInterceptor(squallgrpc.Unary()),
//		grpc.ChainStreamInterceptor(squallgrpc.Stream()),
//	)
//	grpc.NewClient(target,
//		grpc.WithChainUnaryInterceptor(squallgrpc.UnaryClient()),
//		grpc.WithChainStreamInterceptor(squallgrpc.StreamClient()),
//	)
//
// The faults are go.grpc-delay, go.grpc-status and go.context-shrink. While none is armed a call
// costs one atomic load more.
package squallgrpc
