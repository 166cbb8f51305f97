//! How Java writes what Rust writes otherwise.

/// `Double.toString`.
pub fn double(number: f64) -> String {
    shown(number, format!("{number:e}"), number.abs())
}

/// `Float.toString`.
pub fn float(number: f32) -> String {
    shown(f64::from(number), format!("{number:e}"), f64::from(number.abs()))
}

/// From the shortest digits that tell the number from its neighbours: plain from 10^-3 to 10^7, otherwise
/// with an exponent; always with a digit behind the point.
fn shown(number: f64, scientific: String, size: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (sign, scientific) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest.to_owned()),
        None => ("", scientific),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{sign}{first}.{rest}E{exponent}");
    }
    let (whole, part) = if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        ("0".to_owned(), format!("{zeros}{digits}"))
    } else {
        let whole_digits = exponent as usize + 1;
        let padded = format!("{digits:0<whole_digits$}");
        let (whole, part) = padded.split_at(whole_digits);
        (whole.to_owned(), part.to_owned())
    };
    let part = if part.is_empty() { "0" } else { &part };
    format!("{sign}{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Printed by Java 21.
    #[test]
    fn numbers_are_written_as_java_does() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.00012, "1.2E-4"),
            (12345678.0, "1.2345678E7"),
            (9999999.5, "9999999.5"),
            (1e100, "1.0E100"),
            (-3.25, "-3.25"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(double(number), expected);
        }
        assert_eq!(float(1.1), "1.1");
    }
}
