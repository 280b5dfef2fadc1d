//! Service level indicators.
