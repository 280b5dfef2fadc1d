//! Soon.
pub(crate) fn run() -> Result<(), String> {
    Err("not yet".into())
}
pub(crate) fn sweep() -> Result<(), String> {
    Err("not yet".into())
}
