//! Words, quoted strings and signs of a JAAS configuration, as Java's `StreamTokenizer` finds them: what is a
//! word, where a comment ends and what a backslash means is what existing configurations rely on.

use std::iter::Peekable;
use std::str::Chars;

/// A piece of a JAAS configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word, or what stands in quotes.
    Text(String),
    /// A number, which is no text: Kafka takes none for a name or a value.
    Number,
    /// Any other character.
    Sign(char),
}

impl Token {
    /// What it says, if it is text.
    pub fn text(self) -> Option<String> {
        match self {
            Token::Text(text) => Some(text),
            Token::Number | Token::Sign(_) => None,
        }
    }
}

/// Reads one token after the other.
pub struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Lexer {
            rest: text.chars().peekable(),
        }
    }

    fn skip_line(&mut self) {
        while self.rest.next_if(|c| !matches!(c, '\n' | '\r')).is_some() {}
    }

    fn skip_comment(&mut self) {
        let mut star = false;
        for c in self.rest.by_ref() {
            if star && c == '/' {
                return;
            }
            star = c == '*';
        }
    }

    /// What follows an opening quote, up to the closing one; the end of the line ends it too.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '\n' | '\r')) {
            if c == quote {
                break;
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let Some(escaped) = self.rest.next() else { break };
            text.push(match escaped {
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                '0'..='7' => self.octal(escaped),
                other => other,
            });
        }
        text
    }

    /// The character of an octal number that begins with `first`: three digits up to 377, else two.
    fn octal(&mut self, first: char) -> char {
        let mut code = first.to_digit(8).unwrap_or(0);
        let more = if first <= '3' { 2 } else { 1 };
        for _ in 0..more {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) else {
                break;
            };
            self.rest.next();
            code = code * 8 + digit;
        }
        char::from_u32(code).unwrap_or('?')
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let c = self.rest.next()?;
            match c {
                '\0'..=' ' => {}
                '/' => match self.rest.peek() {
                    Some('*') => {
                        self.rest.next();
                        self.skip_comment();
                    }
                    // One slash is a comment too.
                    _ => self.skip_line(),
                },
                '"' | '\'' => return Some(Token::Text(self.quoted(c))),
                '0'..='9' | '.' => {
                    while self.rest.next_if(|c| matches!(c, '0'..='9' | '.')).is_some() {}
                    return Some(Token::Number);
                }
                '-' if !self.rest.peek().is_some_and(|c| matches!(c, '0'..='9' | '.')) => {
                    return Some(Token::Sign('-'));
                }
                '-' => {}
                c if begins_word(c) => {
                    let mut word = String::from(c);
                    while let Some(c) = self
                        .rest
                        .next_if(|c| begins_word(*c) || matches!(c, '0'..='9' | '.' | '-'))
                    {
                        word.push(c);
                    }
                    return Some(Token::Text(word));
                }
                c => return Some(Token::Sign(c)),
            }
        }
    }
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '$' | '*') || c >= '\u{a0}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let shown = Lexer::new(text).map(|token| match token {
            Token::Text(text) => format!("<{text}>"),
            Token::Number => "#".to_owned(),
            Token::Sign(sign) => sign.to_string(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tokens_are_javas() {
        for (text, expected) in [
            ("", ""),
            (
                "org.apache.kafka.X required a=\"b c\";",
                "<org.apache.kafka.X> <required> <a> = <b c> ;",
            ),
            ("user_al-ice='x'", "<user_al-ice> = <x>"),
            ("a=b // rest\n;", "<a> = <b> ;"),
            ("a / rest\n;", "<a> ;"),
            ("a /* b\n * / c */ d", "<a> <d>"),
            ("a=12 b=-1.5 c=-x", "<a> = # <b> = # <c> = - <x>"),
            ("\"q\\\"u\\\\\\n\\101\\8\"", "<q\"u\\\nA8>"),
            ("\"no end\nnext", "<no end> <next>"),
            ("\"\"", "<>"),
            ("\"\\", "<>"),
            ("ü$1", "<ü$1>"),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }
}
