//! Every format over records of whole runs.

mod builder;
mod formats;
mod laws;
mod live;
mod matrix;
mod page;
mod text;
