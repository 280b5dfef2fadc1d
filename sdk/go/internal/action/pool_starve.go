package action

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

var poolStarveKeys = []string{"pool", "leave"}

// poolRetry is how long one attempt to take a connection may last before quitting is looked at.
const poolRetry = time.Second

type starving struct {
	*crew
	pool  *sql.DB
	take  int
	begin sql.DBStats
	mu    sync.Mutex
	taken []*sql.Conn
}

// poolStarve takes connections out of a registered pool until so many are left, waits for those
// that are in use, and gives them back when it is undone.
func poolStarve(ctx context.Context, env *Env, p value.Params, dry bool) (running, error) {
	name := p.Text("pool", "default")
	pool, ok := env.Pools.Find(name)
	if !ok {
		return nil, fmt.Errorf("pool: no pool %q is registered here; squall.RegisterDB does it", name)
	}
	limit := pool.Stats().MaxOpenConnections
	if limit == 0 {
		return nil, fmt.Errorf("pool: %q has no limit, so nothing starves; SetMaxOpenConns gives it one", name)
	}
	leave, err := p.Count("leave", 0, 0, limit-1)
	if err != nil || dry {
		return nil, err
	}
	own := &starving{crew: newCrew(), pool: pool, take: limit - leave, begin: pool.Stats()}
	own.start(func() { own.starve(ctx) })
	return own, nil
}

func (s *starving) starve(ctx context.Context) {
	for s.pause(0) && s.count() < s.take {
		attempt, cancel := context.WithTimeout(ctx, poolRetry)
		conn, err := s.pool.Conn(attempt)
		cancel()
		if err != nil {
			// The database may be away; it is tried again as long as the fault lasts.
			if !s.pause(10 * time.Millisecond) {
				return
			}
			continue
		}
		s.mu.Lock()
		s.taken = append(s.taken, conn)
		s.mu.Unlock()
	}
}

func (s *starving) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

func (s *starving) stop() error {
	err := s.dismiss()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.taken {
		if closed := conn.Close(); closed != nil && err == nil {
			err = closed
		}
	}
	s.taken = nil
	return err
}

func (s *starving) alive() string {
	if count := s.count(); count > 0 {
		return fmt.Sprintf("%d connections of the pool are still taken", count)
	}
	return s.crew.alive()
}

func (s *starving) measure() wire.Bite {
	stats, taken := s.pool.Stats(), s.count()
	asked, got := float64(s.take), float64(taken)
	return wire.Bite{
		Hits: uint64(taken), Seen: uint64(taken), Asked: &asked, Delivered: &got,
		Detail: fmt.Sprintf("%d of %d connections taken; %d requests waited %s for one", taken,
			stats.MaxOpenConnections, stats.WaitCount-s.begin.WaitCount,
			(stats.WaitDuration - s.begin.WaitDuration).Round(time.Millisecond)),
	}
}
