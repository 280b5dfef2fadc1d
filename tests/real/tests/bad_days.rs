//! Bad input and bad days with the real binary: each ends with a clear word and a restored host.

mod day;
mod deaths;
mod disks;
mod ends;
mod places;
mod refusals;
