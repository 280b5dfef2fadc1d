//! The project's own tool: demo, test, gen, tidy, bench, dist.
fn main() {}
