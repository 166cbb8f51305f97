//! The words of a selector.

use super::SelectorError;

/// A word, a literal or a sign.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// In quotes, without them.
    Text(String),
    Long(i64),
    Double(f64),
    /// An identifier or a keyword, as it was written.
    Word(String),
    /// An identifier in double quotes.
    Quoted(String),
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: [&str; 13] = ["<>", "<=", ">=", "<", ">", "=", "(", ")", ",", "+", "-", "*", "/"];

/// Reads one word after the other.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(text: &'a str) -> Self {
        Tokens { text, at: 0 }
    }

    /// An error at a place in bytes.
    pub fn error(&self, at: usize, reason: impl Into<String>) -> SelectorError {
        let before = self.text.get(..at).unwrap_or(self.text);
        SelectorError {
            position: before.chars().count() + 1,
            reason: reason.into(),
        }
    }

    /// The next word, and where it begins.
    pub fn next(&mut self) -> Result<(usize, Token), SelectorError> {
        let rest = self.text[self.at..].trim_start();
        let begin = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            self.at = begin;
            return Ok((begin, Token::End));
        };
        let (len, token) = match first {
            '\'' | '"' => self.quoted(begin, rest, first)?,
            '0'..='9' | '.' => self.number(begin, rest)?,
            first if first.is_alphabetic() || matches!(first, '_' | '$') => {
                let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
                let len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                (len, Token::Word(rest[..len].to_owned()))
            }
            _ => match SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
                Some(sign) => (sign.len(), Token::Sign(sign)),
                None => return Err(self.error(begin, format!("{first:?} has no meaning here"))),
            },
        };
        self.at = begin + len;
        Ok((begin, token))
    }

    fn quoted(&self, begin: usize, rest: &str, quote: char) -> Result<(usize, Token), SelectorError> {
        let mut content = String::new();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((at, char)) = chars.next() {
            if char != quote {
                content.push(char);
                continue;
            }
            if chars.next_if(|(_, next)| *next == quote).is_some() {
                content.push(quote);
                continue;
            }
            let token = if quote == '"' {
                Token::Quoted(content)
            } else {
                Token::Text(content)
            };
            return Ok((at + 1, token));
        }
        Err(self.error(begin, "a quote is not closed"))
    }

    fn number(&self, begin: usize, rest: &str) -> Result<(usize, Token), SelectorError> {
        let bytes = rest.as_bytes();
        let digits = |from: usize| {
            let more = bytes.get(from..).unwrap_or_default();
            from + more.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let mut end = digits(0);
        let mut is_double = false;
        if bytes.get(end) == Some(&b'.') {
            is_double = true;
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent > end + 1 + sign {
                is_double = true;
                end = exponent;
            }
        }
        let follows = rest[end..].chars().next();
        if follows.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.')) {
            return Err(self.error(begin, "this is no number"));
        }
        let token = if is_double {
            rest[..end].parse().ok().map(Token::Double)
        } else {
            rest[..end].parse().ok().map(Token::Long)
        };
        match token {
            Some(token) => Ok((end, token)),
            None => Err(self.error(begin, "this is no number, or it has no room in 64 bits")),
        }
    }
}
