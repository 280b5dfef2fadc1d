// Package controller holds the experiments and what drives them. It is a module of its own, so
// that nothing it needs reaches the service that it breaks.
package controller
