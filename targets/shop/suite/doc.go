// Package suite is the shop's chaos suite: experiments that a pipeline runs against a shop that
// is up, with
//
//	go test -tags chaos -run ChaosSuite ./...
//
// The tag keeps them out of a plain go test, which has no shop.
package suite
