//! The PromQL functions, one file each. The region below is written by `cargo xtask gen`.

pub use crate::function::{Function, find};

// gen:begin functions
pub mod abs;
pub mod absent;
pub mod absent_over_time;
pub mod acos;
pub mod acosh;
pub mod asin;
pub mod asinh;
pub mod atan;
pub mod atanh;
pub mod avg_over_time;
pub mod ceil;
pub mod changes;
pub mod clamp;
pub mod clamp_max;
pub mod clamp_min;
pub mod cos;
pub mod cosh;
pub mod count_over_time;
pub mod day_of_month;
pub mod day_of_week;
pub mod day_of_year;
pub mod days_in_month;
pub mod deg;
pub mod delta;
pub mod deriv;
pub mod double_exponential_smoothing;
pub mod end;
pub mod exp;
pub mod first_over_time;
pub mod floor;
pub mod histogram_avg;
pub mod histogram_count;
pub mod histogram_fraction;
pub mod histogram_quantile;
pub mod histogram_quantiles;
pub mod histogram_stddev;
pub mod histogram_stdvar;
pub mod histogram_sum;
pub mod hour;
pub mod idelta;
pub mod increase;
pub mod irate;
pub mod label_join;
pub mod label_replace;
pub mod last_over_time;
pub mod ln;
pub mod log10;
pub mod log2;
pub mod mad_over_time;
pub mod max_of;
pub mod max_over_time;
pub mod min_of;
pub mod min_over_time;
pub mod minute;
pub mod month;
pub mod pi;
pub mod predict_linear;
pub mod present_over_time;
pub mod quantile_over_time;
pub mod rad;
pub mod range;
pub mod rate;
pub mod resets;
pub mod round;
pub mod scalar;
pub mod sgn;
pub mod sin;
pub mod sinh;
pub mod sort;
pub mod sort_by_label;
pub mod sort_by_label_desc;
pub mod sort_desc;
pub mod sqrt;
pub mod start;
pub mod stddev_over_time;
pub mod stdvar_over_time;
pub mod step;
pub mod sum_over_time;
pub mod tan;
pub mod tanh;
pub mod time;
pub mod timestamp;
pub mod ts_of_first_over_time;
pub mod ts_of_last_over_time;
pub mod ts_of_max_over_time;
pub mod ts_of_min_over_time;
pub mod vector;
pub mod year;

/// Every function, sorted by name.
pub const ALL: &[Function] = &[
    abs::FUNCTION,
    absent::FUNCTION,
    absent_over_time::FUNCTION,
    acos::FUNCTION,
    acosh::FUNCTION,
    asin::FUNCTION,
    asinh::FUNCTION,
    atan::FUNCTION,
    atanh::FUNCTION,
    avg_over_time::FUNCTION,
    ceil::FUNCTION,
    changes::FUNCTION,
    clamp::FUNCTION,
    clamp_max::FUNCTION,
    clamp_min::FUNCTION,
    cos::FUNCTION,
    cosh::FUNCTION,
    count_over_time::FUNCTION,
    day_of_month::FUNCTION,
    day_of_week::FUNCTION,
    day_of_year::FUNCTION,
    days_in_month::FUNCTION,
    deg::FUNCTION,
    delta::FUNCTION,
    deriv::FUNCTION,
    double_exponential_smoothing::FUNCTION,
    end::FUNCTION,
    exp::FUNCTION,
    first_over_time::FUNCTION,
    floor::FUNCTION,
    histogram_avg::FUNCTION,
    histogram_count::FUNCTION,
    histogram_fraction::FUNCTION,
    histogram_quantile::FUNCTION,
    histogram_quantiles::FUNCTION,
    histogram_stddev::FUNCTION,
    histogram_stdvar::FUNCTION,
    histogram_sum::FUNCTION,
    hour::FUNCTION,
    idelta::FUNCTION,
    increase::FUNCTION,
    irate::FUNCTION,
    label_join::FUNCTION,
    label_replace::FUNCTION,
    last_over_time::FUNCTION,
    ln::FUNCTION,
    log10::FUNCTION,
    log2::FUNCTION,
    mad_over_time::FUNCTION,
    max_of::FUNCTION,
    max_over_time::FUNCTION,
    min_of::FUNCTION,
    min_over_time::FUNCTION,
    minute::FUNCTION,
    month::FUNCTION,
    pi::FUNCTION,
    predict_linear::FUNCTION,
    present_over_time::FUNCTION,
    quantile_over_time::FUNCTION,
    rad::FUNCTION,
    range::FUNCTION,
    rate::FUNCTION,
    resets::FUNCTION,
    round::FUNCTION,
    scalar::FUNCTION,
    sgn::FUNCTION,
    sin::FUNCTION,
    sinh::FUNCTION,
    sort::FUNCTION,
    sort_by_label::FUNCTION,
    sort_by_label_desc::FUNCTION,
    sort_desc::FUNCTION,
    sqrt::FUNCTION,
    start::FUNCTION,
    stddev_over_time::FUNCTION,
    stdvar_over_time::FUNCTION,
    step::FUNCTION,
    sum_over_time::FUNCTION,
    tan::FUNCTION,
    tanh::FUNCTION,
    time::FUNCTION,
    timestamp::FUNCTION,
    ts_of_first_over_time::FUNCTION,
    ts_of_last_over_time::FUNCTION,
    ts_of_max_over_time::FUNCTION,
    ts_of_min_over_time::FUNCTION,
    vector::FUNCTION,
    year::FUNCTION,
];
// gen:end
