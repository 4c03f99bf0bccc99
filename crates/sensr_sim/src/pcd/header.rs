//! Header of a PCD file.

use super::PcdError;

/// Encoding of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Ascii,
    Binary,
    BinaryCompressed,
}

/// Numeric type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberKind {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
}

/// Field of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub name: String,
    pub kind: NumberKind,
    /// Bytes of one value.
    pub size: usize,
    /// Values per record.
    pub count: usize,
}

impl Field {
    /// Returns the name for comparison: in lower case, without the prefix of scalar fields.
    fn plain_name(&self) -> String {
        let name = self.name.to_ascii_lowercase();
        name.strip_prefix(SCALAR).unwrap_or(&name).to_owned()
    }

    /// Returns the bytes of this field in one record.
    pub(super) fn width(&self) -> usize {
        self.size * self.count
    }
}

/// Parsed header of a PCD file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub fields: Vec<Field>,
    pub points: usize,
    pub encoding: Encoding,
    /// Offset of the body in the file.
    pub body_offset: usize,
    /// Number of lines before the body.
    pub lines: usize,
}

/// Upper bound on the values of a field: far above anything real, so that sizes can be multiplied without overflow.
const MAX_COUNT: usize = 1 << 16;

/// Upper bound on the fields of a record.
const MAX_FIELDS: usize = 1 << 10;

/// Byte order marks that editors put before text.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Names of the intensity field in order of preference, compared without case and without the prefix [`SCALAR`].
const INTENSITY_NAMES: [&str; 6] = [
    "intensity",
    "intensities",
    "i",
    "reflectivity",
    "reflectance",
    "remission",
];

/// Prefix that `CloudCompare` adds to the names of scalar fields.
const SCALAR: &str = "scalar_";

/// Entries of the header while it is parsed.
#[derive(Default)]
struct Entries<'a> {
    fields: Option<Vec<&'a str>>,
    sizes: Option<Vec<&'a str>>,
    types: Option<Vec<&'a str>>,
    counts: Option<Vec<&'a str>>,
    width: Option<usize>,
    height: Option<usize>,
    points: Option<usize>,
}

impl Header {
    pub(super) fn parse(file: &[u8]) -> Result<Self, PcdError> {
        if UTF16_MARKS.iter().any(|mark| file.starts_with(mark)) {
            return Err(PcdError::Utf16);
        }
        let mut entries = Entries::default();
        let mut body_offset = if file.starts_with(UTF8_MARK) {
            UTF8_MARK.len()
        } else {
            0
        };
        let mut lines = 0;
        loop {
            let rest = &file[body_offset..];
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
                return Err(PcdError::MissingLine("DATA"));
            };
            lines += 1;
            body_offset += end + 1;
            let wrong = |problem| PcdError::Line {
                line: lines,
                problem,
            };
            let line = &rest[..end];
            // Comments are in whatever encoding their author's editor had.
            if line.trim_ascii_start().starts_with(b"#") {
                continue;
            }
            let line = std::str::from_utf8(line)
                .map_err(|_| wrong("not text, so this is no PCD header".to_owned()))?;
            let mut words = line.split_ascii_whitespace();
            let Some(key) = words.next() else { continue };
            if key == "DATA" {
                let encoding = parse_encoding(words.next().unwrap_or_default()).map_err(wrong)?;
                return Ok(Self {
                    points: entries.point_count()?,
                    fields: entries.parse_fields()?,
                    encoding,
                    body_offset,
                    lines,
                });
            }
            entries.set_entry(key, words.collect()).map_err(wrong)?;
        }
    }

    /// Returns the bytes of one record in a binary body.
    pub(super) fn record_bytes(&self) -> usize {
        self.fields.iter().map(Field::width).sum()
    }

    /// Returns the bytes of all records in a binary body.
    pub(super) fn body_bytes(&self) -> usize {
        self.points.saturating_mul(self.record_bytes())
    }

    /// Returns the field's index, or `None`. A field with several values per point is an error.
    pub(super) fn scalar_index(&self, name: &str) -> Result<Option<usize>, PcdError> {
        // The exact name has priority: a file may have both `i` and `I`.
        let exact = self.fields.iter().position(|field| field.name == name);
        let is_named = |field: &Field| field.plain_name() == name;
        let Some(index) = exact.or_else(|| self.fields.iter().position(is_named)) else {
            return Ok(None);
        };
        let Field { name, count, .. } = &self.fields[index];
        match count {
            1 => Ok(Some(index)),
            count => Err(PcdError::Header(format!(
                "field {name} has {count} values per point, it must have one"
            ))),
        }
    }

    /// Returns the indices of x, y, z and, if present, intensity.
    pub(super) fn position_and_intensity(&self) -> Result<([usize; 3], Option<usize>), PcdError> {
        let need = |name| self.scalar_index(name)?.ok_or(PcdError::MissingField(name));
        let position = [need("x")?, need("y")?, need("z")?];
        for name in INTENSITY_NAMES {
            if let Some(index) = self.scalar_index(name)? {
                return Ok((position, Some(index)));
            }
        }
        Ok((position, None))
    }
}

impl<'a> Entries<'a> {
    fn set_entry(&mut self, key: &str, words: Vec<&'a str>) -> Result<(), String> {
        match key {
            "FIELDS" | "COLUMNS" => self.fields = Some(words),
            "SIZE" => self.sizes = Some(words),
            "TYPE" => self.types = Some(words),
            "COUNT" => self.counts = Some(words),
            "WIDTH" => self.width = Some(parse_number(key, &words)?),
            "HEIGHT" => self.height = Some(parse_number(key, &words)?),
            "POINTS" => self.points = Some(parse_number(key, &words)?),
            "VERSION" | "VIEWPOINT" => {}
            _ => return Err(format!("{key:?} is not an entry of a PCD header")),
        }
        Ok(())
    }

    fn point_count(&self) -> Result<usize, PcdError> {
        let area = match (self.width, self.height) {
            (Some(width), height) => Some(width.saturating_mul(height.unwrap_or(1))),
            _ => None,
        };
        match (self.points, area) {
            (Some(points), Some(area)) if points != area => Err(PcdError::Header(format!(
                "POINTS is {points}, but WIDTH times HEIGHT is {area}"
            ))),
            (Some(points), _) | (None, Some(points)) => Ok(points),
            (None, None) => Err(PcdError::MissingLine("POINTS")),
        }
    }

    fn parse_fields(&self) -> Result<Vec<Field>, PcdError> {
        let names = self
            .fields
            .as_ref()
            .ok_or(PcdError::MissingLine("FIELDS"))?;
        let sizes = self.sizes.as_ref().ok_or(PcdError::MissingLine("SIZE"))?;
        let types = self.types.as_ref().ok_or(PcdError::MissingLine("TYPE"))?;
        let ones = vec!["1"; names.len()];
        let counts = self.counts.as_ref().unwrap_or(&ones);
        let lengths = [names.len(), sizes.len(), types.len(), counts.len()];
        if names.is_empty() || names.len() > MAX_FIELDS || lengths.iter().any(|&n| n != lengths[0])
        {
            return Err(PcdError::Header(format!(
                "FIELDS, SIZE, TYPE and COUNT have {lengths:?} entries, the numbers must be equal"
            )));
        }
        (0..names.len())
            .map(|i| parse_field(names[i], sizes[i], types[i], counts[i]).map_err(PcdError::Header))
            .collect()
    }
}

fn parse_number(key: &str, words: &[&str]) -> Result<usize, String> {
    match words {
        [word] => word.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| format!("{key} must be one whole number, not {:?}", words.join(" ")))
}

fn parse_encoding(word: &str) -> Result<Encoding, String> {
    match word {
        "ascii" => Ok(Encoding::Ascii),
        "binary" => Ok(Encoding::Binary),
        "binary_compressed" => Ok(Encoding::BinaryCompressed),
        _ => Err(format!(
            "DATA must be ascii, binary or binary_compressed, not {word:?}"
        )),
    }
}

fn parse_field(name: &str, size: &str, kind: &str, count: &str) -> Result<Field, String> {
    let (kind, size) = match (kind, size) {
        ("I", "1") => (NumberKind::I8, 1),
        ("I", "2") => (NumberKind::I16, 2),
        ("I", "4") => (NumberKind::I32, 4),
        ("I", "8") => (NumberKind::I64, 8),
        ("U", "1") => (NumberKind::U8, 1),
        ("U", "2") => (NumberKind::U16, 2),
        ("U", "4") => (NumberKind::U32, 4),
        ("U", "8") => (NumberKind::U64, 8),
        ("F", "4") => (NumberKind::F32, 4),
        ("F", "8") => (NumberKind::F64, 8),
        _ => {
            return Err(format!(
                "field {name} has TYPE {kind} and SIZE {size}, which is not a numeric type"
            ));
        }
    };
    match count.parse() {
        Ok(count) if count <= MAX_COUNT => Ok(Field {
            name: name.to_owned(),
            kind,
            size,
            count,
        }),
        _ => Err(format!(
            "field {name} has COUNT {count}, it must be 0 to {MAX_COUNT}"
        )),
    }
}
