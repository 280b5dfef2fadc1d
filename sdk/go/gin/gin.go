// Package squallgin lets Squall hurt the requests that a Gin engine serves.
//
//	engine := gin.New()
//	engine.Use(squallgin.Middleware())
//
// The route that rules see is the path of the request. It has the faults of squallhttp.
package squallgin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/squall-dev/squall/sdk/go/hook"
	squallhttp "github.com/squall-dev/squall/sdk/go/http"
)

// Middleware comes first, so that a panic it causes meets the recovery of the engine and not
// more than that.
func Middleware() gin.HandlerFunc {
	return func(c *gin.Context) {
		set := hook.HTTPServer.Armed()
		if set == nil {
			c.Next()
			return
		}
		served := false
		squallhttp.Serve(set, c.Writer, c.Request, func(_ http.ResponseWriter, r *http.Request) {
			served = true
			c.Request = r
			c.Next()
		})
		if !served {
			c.Abort()
		}
	}
}
