//! Reader of small XML files: elements, attributes and texts, and whether they are well-formed.

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 64;

/// Element with everything in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// Text directly in it, with entities as they are written.
    pub(super) text: String,
    children: Vec<Element>,
}

impl Element {
    /// Returns the value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// Returns the element and all elements in it, in the order of the file.
    pub(super) fn descendants(&self) -> Vec<&Self> {
        let inner = self.children.iter().flat_map(Self::descendants);
        std::iter::once(self).chain(inner).collect()
    }
}

/// Parses a file. The error says what is wrong, and in which line.
pub(super) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
    };
    reader
        .read_document()
        .map_err(|problem| format!("no valid XML: line {}: {problem}", reader.line))
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn read_document(&mut self) -> Result<Element, String> {
        let mut open: Vec<Element> = Vec::new();
        let mut root: Option<Element> = None;
        loop {
            let text = self.take_until("<").unwrap_or_else(|| self.take_all());
            match open.last_mut() {
                Some(element) => element.text.push_str(text),
                None if !text.trim().is_empty() => {
                    return Err("text outside of an element".to_owned());
                }
                None => {}
            }
            if self.rest.is_empty() {
                break;
            }
            if let Some(closed) = self.read_markup(&mut open)? {
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None if root.is_none() => root = Some(closed),
                    None => return Err(format!("a second outermost element, {}", closed.name)),
                }
            }
        }
        match open.pop() {
            Some(element) => Err(format!("<{}> is not closed", element.name)),
            None => root.ok_or_else(|| "no element".to_owned()),
        }
    }

    /// Reads what begins with `<`. Returns the element that ends there.
    fn read_markup(&mut self, open: &mut Vec<Element>) -> Result<Option<Element>, String> {
        let enclosed = [("<!--", "-->"), ("<?", "?>"), ("<!DOCTYPE", ">")];
        for (begin, end) in enclosed {
            if self.rest.starts_with(begin) {
                self.take_until(end)
                    .ok_or_else(|| format!("{begin} without {end}"))?;
                self.advance(end.len());
                return Ok(None);
            }
        }
        if self.rest.starts_with("<![CDATA[") {
            self.advance("<![CDATA[".len());
            let text = self.take_until("]]>").ok_or("<![CDATA[ without ]]>")?;
            if let Some(element) = open.last_mut() {
                element.text.push_str(text);
            }
            self.advance("]]>".len());
            return Ok(None);
        }
        if self.rest.starts_with("</") {
            self.advance(2);
            let name = self
                .take_until(">")
                .ok_or("</ without >")?
                .trim_end()
                .to_owned();
            self.advance(1);
            return match open.pop() {
                Some(element) if element.name == name => Ok(Some(element)),
                Some(element) => Err(format!("</{name}> closes <{}>", element.name)),
                None => Err(format!("</{name}> closes nothing")),
            };
        }
        self.advance(1);
        let (element, is_empty) = self.read_start()?;
        if is_empty {
            return Ok(Some(element));
        }
        if open.len() == MAX_DEPTH {
            return Err("too many elements in one another".to_owned());
        }
        open.push(element);
        Ok(None)
    }

    /// Reads a start tag after its `<`. Returns the element, and whether it ends there.
    fn read_start(&mut self) -> Result<(Element, bool), String> {
        let mut element = Element {
            name: self.read_name()?.to_owned(),
            ..Element::default()
        };
        loop {
            self.skip_blanks();
            if self.rest.starts_with("/>") {
                self.advance(2);
                return Ok((element, true));
            }
            if self.rest.starts_with('>') {
                self.advance(1);
                return Ok((element, false));
            }
            let name = self.read_name()?.to_owned();
            self.skip_blanks();
            if !self.rest.starts_with('=') {
                return Err(format!("attribute {name} has no value"));
            }
            self.advance(1);
            self.skip_blanks();
            let quote = match self.rest.chars().next() {
                Some('"') => "\"",
                Some('\'') => "'",
                _ => return Err(format!("the value of attribute {name} has no quotes")),
            };
            self.advance(1);
            let value = self
                .take_until(quote)
                .ok_or_else(|| format!("the value of attribute {name} does not end"))?
                .to_owned();
            self.advance(1);
            if element.attribute(&name).is_some() {
                return Err(format!("attribute {name} is given twice"));
            }
            element.attributes.push((name, value));
        }
    }

    fn read_name(&mut self) -> Result<&'a str, String> {
        let is_end = |letter: char| letter.is_whitespace() || "=/><\"'&".contains(letter);
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let name = &self.rest[..end];
        if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
            return Err("a name is expected".to_owned());
        }
        self.advance(end);
        Ok(name)
    }

    fn skip_blanks(&mut self) {
        let blanks = self.rest.len() - self.rest.trim_start().len();
        self.advance(blanks);
    }

    /// Takes the text before a mark, which remains. `None` if there is no mark: then nothing is taken.
    fn take_until(&mut self, mark: &str) -> Option<&'a str> {
        let end = self.rest.find(mark)?;
        let text = &self.rest[..end];
        self.advance(end);
        Some(text)
    }

    fn take_all(&mut self) -> &'a str {
        let text = self.rest;
        self.advance(text.len());
        text
    }

    fn advance(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        parse(text).expect_err("not well-formed")
    }

    #[test]
    fn elements_attributes_and_texts_are_read() {
        let root = parse(
            "<?xml version=\"1.0\"?>\n<!-- a > b -->\n<dds a='1' b = \"x > y\">\n<empty/><one>t<!-- c -->wo</one>\n\
             <two><![CDATA[<raw>]]></two></dds >\n",
        )
        .expect("well-formed");
        assert_eq!((&*root.name, root.attribute("b")), ("dds", Some("x > y")));
        let names: Vec<_> = root
            .descendants()
            .iter()
            .map(|one| one.name.clone())
            .collect();
        assert_eq!(names, ["dds", "empty", "one", "two"]);
        assert_eq!(
            (&*root.children[1].text, &*root.children[2].text),
            ("two", "<raw>")
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        assert_eq!(error(""), "no valid XML: line 1: no element");
        assert_eq!(
            error("<a>\n<b>\n</a>"),
            "no valid XML: line 3: </a> closes <b>"
        );
        assert_eq!(
            error("<a>\n<b/>"),
            "no valid XML: line 2: <a> is not closed"
        );
        for (text, problem) in [
            ("</a>", "closes nothing"),
            ("<a/><b/>", "a second outermost element, b"),
            ("<a/>text", "text outside"),
            ("<a b=1/>", "has no quotes"),
            ("<a b/>", "has no value"),
            ("<a b='1' b='2'/>", "given twice"),
            ("<a b='1/>", "does not end"),
            ("<a><!-- </a>", "<!-- without -->"),
            ("<a", "a name is expected"),
            ("<1/>", "a name is expected"),
        ] {
            let error = error(text);
            assert!(error.contains(problem), "{text}: {error}");
        }
        assert!(error(&"<a>".repeat(1000)).contains("too many elements"));
    }

    #[test]
    fn the_profile_of_the_package_is_well_formed() {
        let root = parse(include_str!("../../../../config/fastdds_shm.xml")).expect("well-formed");
        assert_eq!(root.name, "profiles");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[<>/!?a-c\"'=\\[\\]\\- \\n\u{e9}]{0,40}") {
            let _ = parse(&text);
        }
    }
}
