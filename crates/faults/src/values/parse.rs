//! Reads one value as its kind.

use super::Typed;
use super::nearest::nearest;
use crate::fault::{Kind, Param, ValueIssue};
use squall_spec::units::{ByteRate, Bytes, Duration, Port, Share};
use std::net::{IpAddr, SocketAddr};

/// The longest text accepted; longer is a paste by mistake, and it goes into receipts.
const TEXT_BYTES_MAX: usize = 1024;

/// A list longer than this is no list that a person wrote.
const ITEMS_MAX: usize = 64;
const NAME: &str = "a name: letters, digits, - and _";

type Read = Result<(Typed, String), Box<ValueIssue>>;

/// Returns the typed value and the text that reads back to it.
pub(super) fn value(param: &Param, text: &str) -> Read {
    let is_text = matches!(param.kind, Kind::Text { .. });
    if text.len() > TEXT_BYTES_MAX && !is_text {
        return Err(not_this(param, format!("{} bytes are too long", text.len())));
    }
    match param.kind {
        Kind::Duration { min, max } => duration(param, text, min, max),
        Kind::Share { min_percent, max_percent } => share(param, text, min_percent, max_percent),
        Kind::Integer { min, max } => integer(param, text, min, max),
        Kind::Word(words) => word(param, text, words),
        Kind::Pattern => {
            let fits = text.starts_with(['/', '*']) && !text.contains(char::is_whitespace);
            plain(param, text, fits, "a path: it begins with / or *")
        }
        Kind::Pair => plain(param, text, is_pair(text), "name=text"),
        Kind::Port => match text.parse::<Port>() {
            Ok(port) => Ok((Typed::Integer(port.get().into()), port.to_string())),
            Err(error) => Err(not_this(param, error.to_string())),
        },
        Kind::Cidr => {
            plain(param, text, cidr(text).is_some(), "an address or a range of addresses")
        }
        Kind::Name => plain(param, text, is_name(text), NAME),
        Kind::Bytes { min, max } => bytes(param, text, min, max),
        Kind::ByteRate { min, max } => byte_rate(param, text, min, max),
        Kind::Text { bytes_max } => free(param, text, bytes_max),
        Kind::Glob => plain(param, text, is_glob(text), "a name with * for any text"),
        Kind::Path => plain(param, text, is_path(text), "a path from the root without .."),
        Kind::Ports => list(param, text, "a port from 1 to 65535", |item| {
            item.parse::<Port>().ok().map(|port| port.to_string())
        }),
        Kind::Cidrs => list(param, text, "an address or a range of addresses", |item| {
            cidr(item).map(|_| item.to_owned())
        }),
        Kind::Addresses => list(param, text, "an address", |item| {
            item.parse::<IpAddr>().ok().map(|address| address.to_string())
        }),
        Kind::Names => list(param, text, NAME, |item| is_name(item).then(|| item.to_owned())),
        Kind::Endpoints => list(param, text, "an address with a port", |item| {
            let endpoint = item.parse::<SocketAddr>().ok().filter(|endpoint| endpoint.port() > 0);
            endpoint.map(|endpoint| endpoint.to_string())
        }),
        Kind::Service => plain(param, text, is_service(text), "the name of a service"),
    }
}

/// Returns whether a duration lies in a range of the catalog.
pub(super) fn duration_within(text: &str, min: &str, max: &str) -> bool {
    let read = |text: &str| text.parse::<Duration>().ok();
    read(min) <= read(text) && read(text) <= read(max)
}

/// Returns whether a size lies in a range of the catalog.
pub(super) fn bytes_within(text: &str, min: &str, max: &str) -> bool {
    let read = |text: &str| text.parse::<Bytes>().ok();
    read(min) <= read(text) && read(text) <= read(max)
}

/// Returns whether a rate of data lies in a range of the catalog.
pub(super) fn byte_rate_within(text: &str, min: &str, max: &str) -> bool {
    let read = |text: &str| text.parse::<ByteRate>().ok().map(ByteRate::bytes_per_second);
    read(min) <= read(text) && read(text) <= read(max)
}

/// Reads an address range: the address and how many leading bits count.
pub(crate) fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse::<u8>().ok().filter(|&n| n <= most && n.to_string() == bits)?,
        None => most,
    };
    Some((address, bits))
}

fn duration(param: &Param, text: &str, min: &str, max: &str) -> Read {
    let duration: Duration = text.parse().map_err(|error| not_this(param, format!("{error}")))?;
    if !duration_within(text, min, max) {
        return Err(out_of_range(param, text));
    }
    Ok((Typed::Duration(duration.as_std()), duration.to_string()))
}

fn bytes(param: &Param, text: &str, min: &str, max: &str) -> Read {
    let bytes: Bytes = text.parse().map_err(|error| not_this(param, format!("{error}")))?;
    if !bytes_within(text, min, max) {
        return Err(out_of_range(param, text));
    }
    Ok((Typed::Bytes(bytes.get()), bytes.to_string()))
}

fn byte_rate(param: &Param, text: &str, min: &str, max: &str) -> Read {
    let rate: ByteRate = text.parse().map_err(|error| not_this(param, format!("{error}")))?;
    if !byte_rate_within(text, min, max) {
        return Err(out_of_range(param, text));
    }
    Ok((Typed::ByteRate(rate), rate.to_string()))
}

fn free(param: &Param, text: &str, bytes_max: usize) -> Read {
    if text.len() > bytes_max {
        let message = format!("{} bytes are too long", text.len());
        let label = format!("at most {bytes_max} bytes are allowed");
        return Err(Box::new(ValueIssue { message, label, ..*out_of_range(param, "") }));
    }
    plain(param, text, !text.contains('\0'), "text: it holds a zero byte")
}

/// Items are joined by commas; blanks around them are no part of them.
fn list(param: &Param, text: &str, kind: &str, read: impl Fn(&str) -> Option<String>) -> Read {
    let mut items = Vec::new();
    for item in text.split(',').map(str::trim) {
        let Some(item) = read(item) else {
            return Err(not_this(param, format!("{item:?} is not {kind}")));
        };
        items.push(item);
    }
    if items.len() > ITEMS_MAX {
        return Err(not_this(param, format!("{} items are more than {ITEMS_MAX}", items.len())));
    }
    let text = items.join(",");
    Ok((Typed::List(items), text))
}

fn share(param: &Param, text: &str, min_percent: f64, max_percent: f64) -> Read {
    let share: Share = text.parse().map_err(|error| not_this(param, format!("{error}")))?;
    let percent = share.as_f64() * 100.0;
    if !(min_percent..=max_percent).contains(&percent) {
        return Err(out_of_range(param, text));
    }
    Ok((Typed::Share(share.as_f64()), share.to_string()))
}

fn integer(param: &Param, text: &str, min: i64, max: i64) -> Read {
    let Ok(integer) = text.parse::<i64>() else {
        return Err(not_this(param, format!("{text} is not a whole number")));
    };
    if !(min..=max).contains(&integer) {
        return Err(out_of_range(param, text));
    }
    Ok((Typed::Integer(integer), integer.to_string()))
}

fn word(param: &Param, text: &str, words: &[&str]) -> Read {
    if words.contains(&text) {
        return Ok((Typed::Text(text.to_owned()), text.to_owned()));
    }
    let mut issue = not_this(param, format!("{text} is none of {}", words.join(", ")));
    if let Some(near) = nearest(text, words) {
        issue.label = format!("did you mean {near:?}?");
        issue.help = Some(format!("{}: {near}", param.name));
    }
    Err(issue)
}

fn plain(param: &Param, text: &str, fits: bool, kind: &str) -> Read {
    if fits {
        Ok((Typed::Text(text.to_owned()), text.to_owned()))
    } else {
        Err(not_this(param, format!("{text} is not {kind}")))
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(fits)
}

fn is_glob(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.*/:".contains(c);
    !text.is_empty() && text.chars().all(fits)
}

/// What a services file or a program may be called.
fn is_service(text: &str) -> bool {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !",*/".contains(c);
    !text.is_empty() && text.chars().all(fits)
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains('\0') && text.split('/').all(|part| part != "..")
}

/// `name=value` exactly or `name:prefix`, as the proxy reads them.
fn is_pair(text: &str) -> bool {
    let Some((name, value)) = text.split_once(['=', ':']) else { return false };
    is_name(name.trim()) && !value.chars().any(char::is_control)
}

fn not_this(param: &Param, message: String) -> Box<ValueIssue> {
    Box::new(ValueIssue {
        code: "F003",
        key: param.name.to_owned(),
        at_key: false,
        message,
        label: format!("not a {}", param.kind.word()),
        help: Some(format!("{}: {}", param.name, param.kind.sample())),
        other: None,
    })
}

fn out_of_range(param: &Param, text: &str) -> Box<ValueIssue> {
    Box::new(ValueIssue {
        code: "F004",
        key: param.name.to_owned(),
        at_key: false,
        message: format!("{text} is out of range"),
        label: format!("{} is allowed", param.kind.range()),
        help: Some(format!("{}: {}", param.name, param.kind.sample())),
        other: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_of_addresses_are_read() {
        assert_eq!(cidr("10.0.0.0/8"), Some(([10, 0, 0, 0].into(), 8)));
        assert_eq!(cidr("127.0.0.1"), Some(([127, 0, 0, 1].into(), 32)));
        assert!(cidr("::1").is_some_and(|(_, bits)| bits == 128));
        for bad in ["10.0.0.0/33", "::/129", "10.0.0.0/", "a", "", "10.0.0.0/+8", "10.0.0.0/08"] {
            assert_eq!(cidr(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_reads_back(
            text in ".{0,40}|[0-9]{1,4}(\\.[0-9]{1,3})?(B|KiB|MiB|kB)(/s)?|[0-9]{1,4}[kM]?bit/s|\
                     ([0-9]{1,4},? ?){1,4}|/[a-z./]{0,20}|[a-z*.,]{1,20}"
        ) {
            let kinds = [
                Kind::Duration { min: "0", max: "60s" },
                Kind::Share { min_percent: 0.0, max_percent: 100.0 },
                Kind::Integer { min: i64::MIN, max: i64::MAX },
                Kind::Word(&["yes", "no"]),
                Kind::Pattern,
                Kind::Pair,
                Kind::Port,
                Kind::Cidr,
                Kind::Name,
                Kind::Bytes { min: "0B", max: "1TiB" },
                Kind::ByteRate { min: "0B/s", max: "1TiB/s" },
                Kind::Text { bytes_max: 30 },
                Kind::Glob,
                Kind::Path,
                Kind::Ports,
                Kind::Cidrs,
                Kind::Addresses,
                Kind::Names,
                Kind::Endpoints,
                Kind::Service,
            ];
            for kind in kinds {
                let param = Param { name: "p", kind, default: None, required: false, help: "" };
                if let Ok(first) = value(&param, &text) {
                    prop_assert_eq!(value(&param, &first.1), Ok(first.clone()));
                }
            }
        }
    }
}
