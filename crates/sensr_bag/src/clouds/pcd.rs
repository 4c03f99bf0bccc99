//! Clouds as binary PCD 0.7: every field bit for bit, and unused bytes of a point as a field `_`.
//!
//! Format: "The PCD file format" of the Point Cloud Library.

use std::io::{self, Write};

use super::{Cloud, PointFieldKind};

/// Writes a cloud.
pub(super) fn write(out: &mut impl Write, cloud: &Cloud<'_>) -> io::Result<()> {
    out.write_all(header(cloud).as_bytes())?;
    out.write_all(&cloud.data)
}

fn header(cloud: &Cloud<'_>) -> String {
    let mut columns: [Vec<String>; 4] = Default::default();
    let mut add = |name: &str, bytes: usize, kind: char, count: usize| {
        let values = [
            name.to_owned(),
            bytes.to_string(),
            kind.to_string(),
            count.to_string(),
        ];
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    };
    let mut position = 0;
    for field in &cloud.fields {
        if field.offset > position {
            add("_", 1, 'U', field.offset - position);
        }
        let kind = match field.kind {
            PointFieldKind::Signed(_) => 'I',
            PointFieldKind::Unsigned(_) => 'U',
            PointFieldKind::Float(_) => 'F',
        };
        // Spaces separate the names.
        add(
            &field.name.replace(char::is_whitespace, "_"),
            field.kind.bytes(),
            kind,
            field.count,
        );
        position = field.offset + field.kind.bytes() * field.count;
    }
    if cloud.point_step > position {
        add("_", 1, 'U', cloud.point_step - position);
    }
    let [names, sizes, kinds, counts] = columns.map(|column| column.join(" "));
    let (width, height) = (cloud.width, cloud.height);
    let points = width * height;
    format!(
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {names}\nSIZE {sizes}\nTYPE {kinds}\n\
         COUNT {counts}\nWIDTH {width}\nHEIGHT {height}\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {points}\nDATA binary\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::cloud;
    use super::*;

    #[test]
    fn the_points_are_there_bit_for_bit() {
        let cloud = cloud(&[[1.0, f32::NAN, -0.0, 7.0], [f32::INFINITY, 2.0, 3.0, 4.0]]);
        let mut file = Vec::new();
        write(&mut file, &cloud).expect("written");
        let text = "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z intensity _\nSIZE 4 4 4 4 1\n\
            TYPE F F F F U\nCOUNT 1 1 1 1 4\nWIDTH 2\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 2\nDATA binary\n";
        assert_eq!(file, [text.as_bytes(), &cloud.data].concat());
    }
}
