package squallgin_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	squallgin "github.com/squall-dev/squall/sdk/go/gin"
	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
)

func engine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) { c.AbortWithStatus(500) }), squallgin.Middleware())
	engine.GET("/api/:id", func(c *gin.Context) { c.String(200, "served "+c.Param("id")) })
	return engine
}

func get(engine *gin.Engine) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	engine.ServeHTTP(recorder, httptest.NewRequest("GET", "/api/7", nil))
	return recorder
}

func TestAnEngineIsHurtOnlyWhereARuleSaysSo(t *testing.T) {
	engine := engine()
	for _, check := range []struct {
		rule   *hook.Rule
		status int
		body   string
	}{
		{nil, 200, "served 7"},
		{&hook.Rule{Effect: hook.Effect{Status: 503, Message: "away"}}, 503, "away"},
		{&hook.Rule{Effect: hook.Effect{Delay: 5 * time.Millisecond}}, 200, "served 7"},
		{&hook.Rule{Effect: hook.Effect{Panic: true}}, 500, ""},
		{&hook.Rule{Match: hook.Match{Route: "/other"}, Effect: hook.Effect{Status: 503}}, 200, "served 7"},
		{nil, 200, "served 7"},
	} {
		disarm := func() {}
		if check.rule != nil {
			check.rule.Site = &hook.HTTPServer
			disarm = hooktest.Arm(t, check.rule)
		}
		if got := get(engine); got.Code != check.status || got.Body.String() != check.body {
			t.Errorf("%d %q, not %d %q", got.Code, got.Body, check.status, check.body)
		}
		disarm()
	}
}

func ExampleMiddleware() {
	engine := gin.New()
	engine.Use(squallgin.Middleware())
}
