//! From a selector's text to its program, by recursive descent of bounded depth.

use super::like::Pattern;
use super::program::{Arithmetic, Comparison, Literal, Operation, Property};
use super::token::{Token, Tokens};
use super::{SELECTOR_BYTES_MAX, SelectorError};

/// How deep parentheses, NOT and signs may be nested in each other.
const DEPTH_MAX: usize = 64;

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Condition,
    Number,
    Text,
    /// A header or the key: whatever is asked for.
    Any,
}

/// An expression that was read: what it gives and where it begins.
type Read = Result<(Kind, usize), SelectorError>;

/// Reads a whole selector.
pub(super) fn parse(text: &str) -> Result<Vec<Operation>, SelectorError> {
    if text.len() > SELECTOR_BYTES_MAX {
        return Err(SelectorError {
            position: 1,
            reason: format!("a selector has at most {SELECTOR_BYTES_MAX} bytes"),
        });
    }
    let mut tokens = Tokens::new(text);
    let (at, token) = tokens.next()?;
    let mut parser = Parser {
        tokens,
        at,
        token,
        program: Vec::new(),
        depth: 0,
    };
    let condition = parser.or()?;
    parser.must_be_condition(condition)?;
    if parser.token != Token::End {
        return Err(parser.unexpected("the end"));
    }
    Ok(parser.program)
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    /// Where the token begins.
    at: usize,
    token: Token,
    program: Vec<Operation>,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Read {
        self.chain("OR", Operation::Or, Self::and)
    }

    fn and(&mut self) -> Read {
        self.chain("AND", Operation::And, Self::not)
    }

    fn chain(&mut self, word: &str, operation: Operation, next: fn(&mut Self) -> Read) -> Read {
        let mut left = next(self)?;
        while self.take_word(word)? {
            self.must_be_condition(left)?;
            let right = next(self)?;
            self.must_be_condition(right)?;
            self.program.push(operation.clone());
            left.0 = Kind::Condition;
        }
        Ok(left)
    }

    fn not(&mut self) -> Read {
        let at = self.at;
        if !self.take_word("NOT")? {
            return self.predicate();
        }
        self.deeper(at)?;
        let condition = self.not()?;
        self.depth -= 1;
        self.must_be_condition(condition)?;
        self.program.push(Operation::Not);
        Ok((Kind::Condition, at))
    }

    fn predicate(&mut self) -> Read {
        let left = self.sum()?;
        if let Some(comparison) = self.comparison() {
            let sign_at = self.at;
            self.advance()?;
            let right = self.sum()?;
            let is_order = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
            for (kind, at) in [left, right] {
                if is_order && matches!(kind, Kind::Text | Kind::Condition) {
                    return Err(self.tokens.error(at, "only numbers are less or greater"));
                }
            }
            if left.0 != right.0 && left.0 != Kind::Any && right.0 != Kind::Any {
                return Err(self
                    .tokens
                    .error(sign_at, "values of different kinds are never equal"));
            }
            self.program.push(Operation::Compare(comparison));
            return Ok((Kind::Condition, left.1));
        }
        if self.take_word("IS")? {
            let is_negated = self.take_word("NOT")?;
            if !self.take_word("NULL")? {
                return Err(self.unexpected("NULL"));
            }
            self.program.push(Operation::IsNull);
            return self.negated(is_negated, left.1);
        }
        let is_negated = self.take_word("NOT")?;
        if self.take_word("BETWEEN")? {
            self.must_be_number(left)?;
            let least = self.sum()?;
            self.must_be_number(least)?;
            if !self.take_word("AND")? {
                return Err(self.unexpected("AND"));
            }
            let most = self.sum()?;
            self.must_be_number(most)?;
            self.program.push(Operation::Between);
            return self.negated(is_negated, left.1);
        }
        if self.take_word("IN")? {
            self.must_be_text(left)?;
            let texts = self.texts()?;
            self.program.push(Operation::In(texts));
            return self.negated(is_negated, left.1);
        }
        if self.take_word("LIKE")? {
            self.must_be_text(left)?;
            let pattern = self.pattern()?;
            self.program.push(Operation::Like(pattern));
            return self.negated(is_negated, left.1);
        }
        if is_negated {
            return Err(self.unexpected("BETWEEN, IN or LIKE"));
        }
        Ok(left)
    }

    fn negated(&mut self, is_negated: bool, at: usize) -> Read {
        if is_negated {
            self.program.push(Operation::Not);
        }
        Ok((Kind::Condition, at))
    }

    fn texts(&mut self) -> Result<Vec<String>, SelectorError> {
        self.must_take_sign("(")?;
        let mut texts = Vec::new();
        loop {
            texts.push(self.text()?);
            if !self.take_sign(",")? {
                break;
            }
        }
        self.must_take_sign(")")?;
        Ok(texts)
    }

    fn pattern(&mut self) -> Result<Pattern, SelectorError> {
        let at = self.at;
        let pattern = self.text()?;
        let mut escape = None;
        if self.take_word("ESCAPE")? {
            let escape_at = self.at;
            let text = self.text()?;
            let mut chars = text.chars();
            escape = chars.next();
            if escape.is_none() || chars.next().is_some() {
                return Err(self.tokens.error(escape_at, "ESCAPE takes one character"));
            }
        }
        Pattern::new(&pattern, escape).map_err(|reason| self.tokens.error(at, reason))
    }

    fn text(&mut self) -> Result<String, SelectorError> {
        match std::mem::replace(&mut self.token, Token::End) {
            Token::Text(text) => {
                self.advance()?;
                Ok(text)
            }
            other => {
                self.token = other;
                Err(self.unexpected("a text in quotes"))
            }
        }
    }

    fn sum(&mut self) -> Read {
        let signs = [("+", Arithmetic::Add), ("-", Arithmetic::Subtract)];
        self.arithmetic(&signs, Self::product)
    }

    fn product(&mut self) -> Read {
        let signs = [("*", Arithmetic::Multiply), ("/", Arithmetic::Divide)];
        self.arithmetic(&signs, Self::signed)
    }

    fn arithmetic(&mut self, signs: &[(&'static str, Arithmetic); 2], next: fn(&mut Self) -> Read) -> Read {
        let mut left = next(self)?;
        while let Some((_, operation)) = signs.iter().find(|(sign, _)| self.token == Token::Sign(sign)) {
            self.must_be_number(left)?;
            self.advance()?;
            let right = next(self)?;
            self.must_be_number(right)?;
            self.program.push(Operation::Calculate(*operation));
            left.0 = Kind::Number;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Read {
        let at = self.at;
        let is_negative = self.token == Token::Sign("-");
        if !is_negative && self.token != Token::Sign("+") {
            return self.primary();
        }
        self.deeper(at)?;
        self.advance()?;
        let number = self.signed()?;
        self.depth -= 1;
        self.must_be_number(number)?;
        if is_negative {
            self.program.push(Operation::Negate);
        }
        Ok((Kind::Number, at))
    }

    fn primary(&mut self) -> Read {
        let at = self.at;
        let (kind, operation) = match std::mem::replace(&mut self.token, Token::End) {
            Token::Sign("(") => {
                self.deeper(at)?;
                self.advance()?;
                let (kind, _) = self.or()?;
                self.must_take_sign(")")?;
                self.depth -= 1;
                return Ok((kind, at));
            }
            Token::Text(text) => (Kind::Text, Operation::Push(Literal::Text(text))),
            Token::Long(number) => (Kind::Number, Operation::Push(Literal::Long(number))),
            Token::Double(number) => (Kind::Number, Operation::Push(Literal::Double(number))),
            Token::Quoted(name) => (Kind::Any, Operation::Load(Property::Header(name))),
            Token::Word(word) if !is_keyword(&word) => match word.as_str() {
                "key" => (Kind::Any, Operation::Load(Property::Key)),
                "topic" => (Kind::Text, Operation::Load(Property::Topic)),
                "timestamp" | "JMSTimestamp" => (Kind::Number, Operation::Load(Property::Timestamp)),
                _ => (Kind::Any, Operation::Load(Property::Header(word))),
            },
            Token::Word(word) if word.eq_ignore_ascii_case("TRUE") || word.eq_ignore_ascii_case("FALSE") => {
                let is_true = word.eq_ignore_ascii_case("TRUE");
                (Kind::Condition, Operation::Push(Literal::Truth(is_true)))
            }
            other => {
                self.token = other;
                return Err(self.unexpected("a value"));
            }
        };
        self.program.push(operation);
        self.advance()?;
        Ok((kind, at))
    }

    fn comparison(&self) -> Option<Comparison> {
        let Token::Sign(sign) = self.token else {
            return None;
        };
        Some(match sign {
            "=" => Comparison::Equal,
            "<>" => Comparison::Unequal,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => return None,
        })
    }

    fn must_be_condition(&self, (kind, at): (Kind, usize)) -> Result<(), SelectorError> {
        let is_one = matches!(kind, Kind::Condition | Kind::Any);
        is_one
            .then_some(())
            .ok_or_else(|| self.tokens.error(at, "a condition is expected, not a value"))
    }

    fn must_be_number(&self, (kind, at): (Kind, usize)) -> Result<(), SelectorError> {
        let is_one = matches!(kind, Kind::Number | Kind::Any);
        is_one
            .then_some(())
            .ok_or_else(|| self.tokens.error(at, "a number is expected"))
    }

    fn must_be_text(&self, (kind, at): (Kind, usize)) -> Result<(), SelectorError> {
        let is_one = matches!(kind, Kind::Text | Kind::Any);
        is_one
            .then_some(())
            .ok_or_else(|| self.tokens.error(at, "a text is expected"))
    }

    fn advance(&mut self) -> Result<(), SelectorError> {
        (self.at, self.token) = self.tokens.next()?;
        Ok(())
    }

    fn take_word(&mut self, keyword: &str) -> Result<bool, SelectorError> {
        let is_it = matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword));
        if is_it {
            self.advance()?;
        }
        Ok(is_it)
    }

    fn take_sign(&mut self, sign: &'static str) -> Result<bool, SelectorError> {
        let is_it = self.token == Token::Sign(sign);
        if is_it {
            self.advance()?;
        }
        Ok(is_it)
    }

    fn must_take_sign(&mut self, sign: &'static str) -> Result<(), SelectorError> {
        if self.take_sign(sign)? {
            Ok(())
        } else {
            Err(self.unexpected(sign))
        }
    }

    fn deeper(&mut self, at: usize) -> Result<(), SelectorError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self
                .tokens
                .error(at, format!("more than {DEPTH_MAX} levels are nested")));
        }
        Ok(())
    }

    fn unexpected(&self, expected: &str) -> SelectorError {
        let found = match &self.token {
            Token::End => "the end".to_owned(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Word(word) | Token::Quoted(word) => word.chars().take(40).collect(),
            Token::Text(_) => "a text".to_owned(),
            Token::Long(_) | Token::Double(_) => "a number".to_owned(),
        };
        self.tokens
            .error(self.at, format!("{expected} is expected, not {found}"))
    }
}

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 11] = [
        "AND", "BETWEEN", "ESCAPE", "FALSE", "IN", "IS", "LIKE", "NOT", "NULL", "OR", "TRUE",
    ];
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}
