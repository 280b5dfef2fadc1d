//! Owns least squares with coefficients between 0 and a limit: what explains a series by others
//! that can only add to it, and no more than physics lets them.

/// Rounds of coordinate descent; small problems settle in a few dozen.
const ROUNDS: usize = 60;

/// Returns the coefficients of `columns` that come closest to `y`. A column of zeros gets 0.
pub(super) fn fit(y: &[f64], columns: &[Vec<f64>], most: &[f64]) -> Vec<f64> {
    let mut beta = vec![0.0; columns.len()];
    let squares: Vec<f64> = columns.iter().map(|x| x.iter().map(|v| v * v).sum()).collect();
    let mut left = y.to_vec();
    for _ in 0..ROUNDS {
        for (j, x) in columns.iter().enumerate() {
            if squares[j] <= f64::MIN_POSITIVE {
                continue;
            }
            let pull: f64 = x.iter().zip(&left).map(|(a, b)| a * b).sum();
            let next = (beta[j] + pull / squares[j]).clamp(0.0, most[j]);
            let step = next - beta[j];
            if step != 0.0 {
                left.iter_mut().zip(x).for_each(|(l, v)| *l -= step * v);
                beta[j] = next;
            }
        }
    }
    beta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_found_within_their_limits() {
        let a: Vec<f64> = (0..40).map(|i| f64::from(i % 7)).collect();
        let b: Vec<f64> = (0..40).map(|i| f64::from(i % 5)).collect();
        let y: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.3 * a + 2.0 * b).collect();
        let beta = fit(&y, &[a.clone(), b.clone()], &[1.0, 9.0]);
        assert!((beta[0] - 0.3).abs() < 1e-6 && (beta[1] - 2.0).abs() < 1e-6, "{beta:?}");
        let beta = fit(&y, &[a.clone(), b], &[1.0, 1.0]);
        assert!(beta[1] <= 1.0);
        let negative: Vec<f64> = y.iter().map(|v| -v).collect();
        assert_eq!(fit(&negative, &[a, vec![0.0; 40]], &[1.0, 1.0]), [0.0, 0.0]);
    }
}
