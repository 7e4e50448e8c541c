//! The grammar of the expression.

use super::{DEEPEST_NESTING, Instruction, InvalidRetryDelay};

/// Recursive descent over the text; `nesting` bounds the recursion.
struct Parser<'a> {
    rest: &'a str,
    instructions: Vec<Instruction>,
    nesting: u32,
}

/// The expression in postfix order.
pub(super) fn instructions(text: &str) -> Result<Vec<Instruction>, InvalidRetryDelay> {
    let mut parser = Parser { rest: text, instructions: Vec::new(), nesting: 0 };
    parser.sum()?;
    if parser.peek().is_some() { Err(parser.unexpected()) } else { Ok(parser.instructions) }
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), InvalidRetryDelay> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&mut self) -> InvalidRetryDelay {
        self.peek().map_or(InvalidRetryDelay::UnexpectedEnd, InvalidRetryDelay::Unexpected)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn sum(&mut self) -> Result<(), InvalidRetryDelay> {
        self.product()?;
        loop {
            let operator: fn(f64, f64) -> f64 = match self.peek() {
                Some('+') => |a, b| a + b,
                Some('-') => |a, b| a - b,
                _ => return Ok(()),
            };
            self.rest = &self.rest[1..];
            self.product()?;
            self.instructions.push(Instruction::Binary(operator));
        }
    }

    fn product(&mut self) -> Result<(), InvalidRetryDelay> {
        self.signed()?;
        loop {
            let operator: fn(f64, f64) -> f64 = match self.peek() {
                Some('*') => |a, b| a * b,
                Some('/') => |a, b| a / b,
                _ => return Ok(()),
            };
            self.rest = &self.rest[1..];
            self.signed()?;
            self.instructions.push(Instruction::Binary(operator));
        }
    }

    fn signed(&mut self) -> Result<(), InvalidRetryDelay> {
        self.nesting += 1;
        if self.nesting > DEEPEST_NESTING {
            return Err(InvalidRetryDelay::TooDeep);
        }
        if self.take('-') {
            self.signed()?;
            self.instructions.push(Instruction::Negate);
        } else {
            self.operand()?;
        }
        self.nesting -= 1;
        Ok(())
    }

    fn operand(&mut self) -> Result<(), InvalidRetryDelay> {
        match self.peek() {
            Some('(') => {
                self.expect('(')?;
                self.sum()?;
                self.expect(')')
            }
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let digits = self.take_while(|c| c.is_ascii_digit() || c == '.');
                let number = digits.parse().map_err(|_| InvalidRetryDelay::Number(digits.into()))?;
                self.instructions.push(Instruction::Number(number));
                Ok(())
            }
            Some(c) if c.is_ascii_alphabetic() => {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
                if name == "retried" {
                    self.instructions.push(Instruction::Retried);
                    Ok(())
                } else {
                    self.call(&name)
                }
            }
            _ => Err(self.unexpected()),
        }
    }

    fn call(&mut self, name: &str) -> Result<(), InvalidRetryDelay> {
        let (least, most, step) = match name {
            "pow" => (2, 2, Instruction::Binary(f64::powf)),
            "sqrt" => (1, 1, Instruction::Unary(f64::sqrt)),
            "abs" => (1, 1, Instruction::Unary(f64::abs)),
            "exp" => (1, 1, Instruction::Unary(f64::exp)),
            "floor" => (1, 1, Instruction::Unary(f64::floor)),
            "ceil" => (1, 1, Instruction::Unary(f64::ceil)),
            "round" => (1, 1, Instruction::Unary(f64::round)),
            "min" => (2, usize::MAX, Instruction::Binary(f64::min)),
            "max" => (2, usize::MAX, Instruction::Binary(f64::max)),
            _ => return Err(InvalidRetryDelay::UnknownName(name.into())),
        };
        self.expect('(')?;
        let mut arguments = 0;
        loop {
            self.sum()?;
            arguments += 1;
            // Folding from the left as the arguments come gives `min` and `max` any number of them.
            if arguments >= least {
                self.instructions.push(step);
            }
            if !self.take(',') {
                break;
            }
        }
        self.expect(')')?;
        if (least..=most).contains(&arguments) {
            Ok(())
        } else {
            Err(InvalidRetryDelay::Arguments { function: name.into(), found: arguments })
        }
    }
}
