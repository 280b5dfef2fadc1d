//! Both pure cores in one event queue (reason: a development tool that no user builds).
