//! Classes of characters, and single characters behind a backslash.

use super::{BAD_CLASS, BAD_ESCAPE, InvalidPattern, MISSING_BRACKET, TRAILING_BACKSLASH, Translation};

/// Classes of ASCII that a letter stands for; the capital letter is the opposite.
const PERL_CLASSES: [(char, &str); 3] = [('d', "0-9"), ('s', "\\t\\n\\f\\r "), ('w', "0-9A-Za-z_")];

/// Classes of ASCII by their POSIX names.
const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Unicode's general categories, as far as RE2/J knows them.
const CATEGORIES: [&str; 36] = [
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl",
    "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

impl Translation<'_> {
    /// A class, its opening bracket already read.
    pub(super) fn class(&mut self) -> Result<String, InvalidPattern> {
        let mut class = String::from("[");
        if self.take("^") {
            class.push('^');
        }
        let mut is_first = true;
        while is_first || !self.rest.starts_with(']') {
            is_first = false;
            if let Some(posix) = self.posix_class()? {
                class.push_str(&posix);
                continue;
            }
            if let Some(rest) = self.rest.strip_prefix('\\') {
                let before = std::mem::replace(&mut self.rest, rest);
                if let Some(named) = self.named_class()? {
                    class.push_str(&named);
                    continue;
                }
                self.rest = before;
            }
            let low = self.class_char()?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.rest.len() > 1;
            let high = if is_range && self.take("-") {
                self.class_char()?
            } else {
                low
            };
            if high < low {
                return Err(BAD_CLASS);
            }
            class.push_str(&format!(
                "\\x{{{:x}}}-\\x{{{:x}}}",
                u32::from(low),
                u32::from(high)
            ));
        }
        self.take("]");
        class.push(']');
        Ok(class)
    }

    fn class_char(&mut self) -> Result<char, InvalidPattern> {
        match self.take_char() {
            None => Err(MISSING_BRACKET),
            Some('\\') if self.rest.is_empty() => Err(MISSING_BRACKET),
            Some('\\') => self.escaped_char(),
            Some(literal) => Ok(literal),
        }
    }

    /// `[:name:]`, if it comes next.
    fn posix_class(&mut self) -> Result<Option<String>, InvalidPattern> {
        let found = self
            .rest
            .strip_prefix("[:")
            .and_then(|inner| inner.split_once(":]"));
        let Some((name, rest)) = found else {
            return Ok(None);
        };
        if !POSIX_CLASSES.contains(&name.trim_start_matches('^')) {
            return Err(BAD_CLASS);
        }
        self.rest = rest;
        Ok(Some(format!("[:{name}:]")))
    }

    /// The class that a letter behind a backslash stands for, if it does.
    pub(super) fn named_class(&mut self) -> Result<Option<String>, InvalidPattern> {
        for (letter, members) in PERL_CLASSES {
            if self.take(letter.encode_utf8(&mut [0; 4])) {
                return Ok(Some(format!("[{members}]")));
            }
            if self.take(letter.to_ascii_uppercase().encode_utf8(&mut [0; 4])) {
                return Ok(Some(format!("[^{members}]")));
            }
        }
        let mut is_negated = self.rest.starts_with('P');
        if !self.take("p") && !self.take("P") {
            return Ok(None);
        }
        let mut name = if self.take("{") {
            let (name, rest) = self.rest.split_once('}').ok_or(BAD_CLASS)?;
            self.rest = rest;
            name.to_owned()
        } else {
            self.take_char().ok_or(BAD_CLASS)?.to_string()
        };
        if let Some(opposite) = name.strip_prefix('^') {
            is_negated = !is_negated;
            name = opposite.to_owned();
        }
        let letter = if is_negated { 'P' } else { 'p' };
        if name == "Any" || CATEGORIES.contains(&&*name) {
            return Ok(Some(format!("\\{letter}{{{name}}}")));
        }
        if is_script_name(&name) {
            return Ok(Some(format!("\\{letter}{{sc={name}}}")));
        }
        Err(BAD_CLASS)
    }

    /// The character that the text behind a backslash stands for.
    pub(super) fn escaped_char(&mut self) -> Result<char, InvalidPattern> {
        let first = self.take_char().ok_or(TRAILING_BACKSLASH)?;
        let code = match first {
            // A single digit would refer to a group.
            '1'..='7' if !self.rest.starts_with(|next: char| next.is_digit(8)) => return Err(BAD_ESCAPE),
            '0'..='7' => {
                let mut code = first.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.rest.chars().next().and_then(|next| next.to_digit(8)) else {
                        break;
                    };
                    code = code * 8 + digit;
                    self.take_char();
                }
                code
            }
            'x' => self.hexadecimal()?,
            'a' => 0x07,
            't' => 0x09,
            'n' => 0x0a,
            'v' => 0x0b,
            'f' => 0x0c,
            'r' => 0x0d,
            other if other.is_ascii_alphanumeric() => return Err(BAD_ESCAPE),
            other => u32::from(other),
        };
        char::from_u32(code).ok_or(BAD_ESCAPE)
    }

    /// Two hexadecimal digits, or any number of them in braces.
    fn hexadecimal(&mut self) -> Result<u32, InvalidPattern> {
        let digits = if self.take("{") {
            let (digits, rest) = self.rest.split_once('}').ok_or(BAD_ESCAPE)?;
            self.rest = rest;
            digits
        } else {
            let digits = self.rest.get(..2).ok_or(BAD_ESCAPE)?;
            self.rest = &self.rest[2..];
            digits
        };
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(BAD_ESCAPE);
        }
        u32::from_str_radix(digits, 16).map_err(|_| BAD_ESCAPE)
    }
}

/// Whether a name is written as those of scripts are, such as `Old_Italic`: RE2/J minds the case.
fn is_script_name(name: &str) -> bool {
    let is_word = |word: &str| {
        let mut letters = word.bytes();
        letters.next().is_some_and(|first| first.is_ascii_uppercase())
            && letters.all(|letter| letter.is_ascii_lowercase())
    };
    name.len() > 2 && name.split('_').all(is_word)
}
