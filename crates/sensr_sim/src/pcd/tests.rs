use super::*;
use proptest::prelude::*;

fn ascii(header: &str, body: &str) -> Vec<u8> {
    format!("{header}DATA ascii\n{body}").into_bytes()
}

fn binary(header: &str, body: &[u8]) -> Vec<u8> {
    [format!("{header}DATA binary\n").as_bytes(), body].concat()
}

fn header(fields: &str, sizes: &str, types: &str, points: usize) -> String {
    format!(
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {fields}\nSIZE {sizes}\n\
         TYPE {types}\nWIDTH {points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {points}\n"
    )
}

fn xyzi(points: usize) -> String {
    header("x y z intensity", "4 4 4 4", "F F F F", points)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn parse_error(file: &[u8]) -> String {
    parse(file).expect_err("must be refused").to_string()
}

#[test]
fn ascii_and_binary_give_the_same_scan() {
    let values = [1.5, -2.0, 3.25, 7.0, 0.1, f32::INFINITY, -0.0, 255.0];
    let text = "1.5 -2 3.25 7\n0.1 inf -0.0 255\n";
    let scan = parse(&binary(&xyzi(2), &bytes(&values))).expect("binary");
    assert_eq!(parse(&ascii(&xyzi(2), text)).expect("ascii"), scan);
    assert_eq!(scan.len(), 2);
    assert_eq!(
        scan.points,
        bytes(&[1.5, -2.0, 3.25, 0.1, f32::INFINITY, -0.0])
    );
    assert_eq!(scan.intensities, bytes(&[7.0, 255.0]));
}

#[test]
fn float32_keeps_its_bits_even_a_nan() {
    let nan = f32::from_bits(0x7fa0_1234);
    let scan = parse(&binary(&xyzi(1), &bytes(&[nan, 1.0, 2.0, nan]))).expect("valid");
    assert_eq!(scan.points[..4], 0x7fa0_1234u32.to_le_bytes());
    assert_eq!(scan.intensities, 0x7fa0_1234u32.to_le_bytes().to_vec());
}

#[test]
fn fields_are_found_by_name_whatever_their_type_and_order() {
    let header = header("intensity t z y x", "2 8 8 4 4", "U U F I F", 1);
    let mut body = 300u16.to_le_bytes().to_vec();
    body.extend(9u64.to_le_bytes());
    body.extend(0.5f64.to_le_bytes());
    body.extend((-3i32).to_le_bytes());
    body.extend(1.25f32.to_le_bytes());
    body.extend(b"trailing bytes");
    let scan = parse(&binary(&header, &body)).expect("valid");
    assert_eq!(scan.points, bytes(&[1.25, -3.0, 0.5]));
    assert_eq!(scan.intensities, bytes(&[300.0]));
    let same = parse(&ascii(&header, "300 9 0.5 -3 1.25")).expect("valid");
    assert_eq!(same, scan);
}

#[test]
fn fields_with_several_values_are_skipped() {
    let header = "FIELDS fpfh x y z\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 3 1 1 1\nPOINTS 2\n";
    let text = "8 8 8 1 2 3\n\n9 9 9 4 5 6\n";
    let scan = parse(&ascii(header, text)).expect("valid");
    assert_eq!(scan.points, bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let body = bytes(&[8.0, 8.0, 8.0, 1.0, 2.0, 3.0, 9.0, 9.0, 9.0, 4.0, 5.0, 6.0]);
    assert_eq!(parse(&binary(header, &body)).expect("valid"), scan);
}

#[test]
fn file_without_intensity_gives_no_intensities() {
    let header = header("x y z", "4 4 4", "F F F", 1);
    let scan = parse(&ascii(&header, "1 2 nan")).expect("valid");
    assert_eq!((scan.len(), scan.intensities.len()), (1, 0));
    assert!(f32::from_le_bytes(scan.points[8..].try_into().expect("4")).is_nan());
}

#[test]
fn comments_in_any_encoding_and_a_byte_order_mark_are_ignored() {
    let plain = parse(&ascii(&xyzi(1), "1 2 3 4")).expect("valid");
    for before in [
        &b"\xef\xbb\xbf"[..],
        b"# caf\xe9\n",
        b"\xef\xbb\xbf#\xb6\xf3\xc0\xcc\n  # \xff\n",
    ] {
        let file = [before, &ascii(&xyzi(1), "1 2 3 4")].concat();
        assert_eq!(parse(&file), Ok(plain.clone()), "{before:?}");
    }
    let crlf = String::from_utf8(ascii(&xyzi(1), "1 2 3 4\n"))
        .expect("text")
        .replace('\n', "\r\n");
    assert_eq!(parse(crlf.as_bytes()), Ok(plain));
}

#[test]
fn utf_16_is_refused_by_name() {
    let text = String::from_utf8(ascii(&xyzi(1), "1 2 3 4")).expect("text");
    for mark_and_units in [
        std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>(),
        std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect(),
    ] {
        assert!(parse_error(&mark_and_units).contains("UTF-16"));
    }
}

#[test]
fn intensity_is_recognized_by_the_names_of_drivers_and_tools() {
    for name in [
        "intensity",
        "Intensity",
        "INTENSITY",
        "i",
        "I",
        "reflectivity",
        "Reflectance",
        "remission",
        "scalar_Intensity",
        "scalar_intensity",
    ] {
        let header = header(&format!("X y Z {name}"), "4 4 4 4", "F F F F", 1);
        let scan = parse(&ascii(&header, "1 2 3 4")).expect("valid");
        assert_eq!(scan.intensities, bytes(&[4.0]), "{name}");
        assert_eq!(scan.points, bytes(&[1.0, 2.0, 3.0]), "{name}");
    }
    let both = header("x y z i intensity", "4 4 4 4 4", "F F F F F", 1);
    let scan = parse(&ascii(&both, "1 2 3 4 5")).expect("valid");
    assert_eq!(scan.intensities, bytes(&[5.0]));
    let other = header("x y z ring", "4 4 4 4", "F F F F", 1);
    assert!(
        parse(&ascii(&other, "1 2 3 4"))
            .expect("valid")
            .intensities
            .is_empty()
    );
}

#[test]
fn compressed_bodies_are_decompressed_field_by_field() {
    // As columns: x x y y z z i i, stored as literals of LZF.
    let columns = bytes(&[1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
    let mut body = 33u32.to_le_bytes().to_vec();
    body.extend(32u32.to_le_bytes());
    body.push(31);
    body.extend(columns);
    let file = [xyzi(2).as_bytes(), b"DATA binary_compressed\n", &body].concat();
    let rows = bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    assert_eq!(parse(&file), parse(&binary(&xyzi(2), &rows)));
    let cut = &file[..file.len() - 1];
    assert!(
        parse_error(cut).contains("declares"),
        "{}",
        parse_error(cut)
    );
}

#[test]
fn empty_cloud_is_valid() {
    for file in [binary(&xyzi(0), &[]), ascii(&xyzi(0), "")] {
        assert!(parse(&file).expect("valid").is_empty());
    }
}

#[test]
fn errors_describe_the_problem() {
    let good = xyzi(2);
    let wrong = |from: &str, to: &str| parse_error(&binary(&good.replace(from, to), &[0; 32]));
    for (text, word) in [
        (parse_error(b""), "no DATA line"),
        (parse_error(b"\xff\xd8\xff jpeg\n"), "line 1"),
        (parse_error(b"ply\n"), "\"ply\""),
        (wrong("FIELDS x", "FIELDS a"), "no field named x"),
        (wrong("FIELDS x y", "FIELDS x"), "[3, 4, 4, 3]"),
        (wrong("SIZE 4", "SIZE 3"), "SIZE 3"),
        (wrong("TYPE F", "TYPE Q"), "TYPE Q"),
        (wrong("POINTS 2", "POINTS -2"), "line 9"),
        (wrong("POINTS 2", "POINTS 3"), "WIDTH times HEIGHT is 2"),
        (parse_error(&binary(&good, &[0; 31])), "declares 32 bytes"),
        (parse_error(&ascii(&good, "1 2 3 4\n")), "declares 2 points"),
        (parse_error(&ascii(&good, "1 2 3 4\n1 2 3")), "line 12"),
        (
            parse_error(&ascii(&good, "1 2 3 4\n1 2 x 4")),
            "\"x\" is not a number",
        ),
        (
            parse_error(format!("{good}DATA zip\n").as_bytes()),
            "binary_compressed",
        ),
    ] {
        assert!(text.contains(word), "{text:?} should contain {word:?}");
    }
}

#[test]
fn huge_declared_size_allocates_no_memory() {
    let points = usize::MAX / 2;
    for kind in ["binary", "ascii", "binary_compressed"] {
        let file = format!("{}DATA {kind}\n01234567", xyzi(points));
        assert!(parse(file.as_bytes()).is_err(), "{kind}");
    }
}

#[test]
fn resampling_is_even_and_exact() {
    let values: Vec<f32> = (0u8..40).map(f32::from).collect();
    let scan = parse(&binary(&xyzi(10), &bytes(&values))).expect("valid");
    assert_eq!(scan.resampled(10).as_ref(), Some(&scan));
    let half = scan.resampled(5).expect("not empty");
    assert_eq!(half.intensities, bytes(&[3.0, 11.0, 19.0, 27.0, 35.0]));
    let double = scan.resampled(20).expect("not empty");
    assert_eq!(double.len(), 20);
    assert_eq!(double.resampled(10), Some(scan));
    assert_eq!(Scan::default().resampled(1), None);
    assert_eq!(Scan::default().resampled(0), Some(Scan::default()));
}

proptest! {
    #[test]
    fn binary_points_are_read_back(values in prop::collection::vec(any::<[f32; 4]>(), 0..50)) {
        let flat: Vec<f32> = values.iter().flatten().copied().collect();
        let scan = parse(&binary(&xyzi(values.len()), &bytes(&flat))).expect("valid");
        let expected: Vec<f32> = values.iter().flat_map(|v| v[..3].to_vec()).collect();
        prop_assert_eq!(&scan.points, &bytes(&expected));
        let intensities: Vec<f32> = values.iter().map(|v| v[3]).collect();
        prop_assert_eq!(&scan.intensities, &bytes(&intensities));
    }

    #[test]
    fn ascii_points_are_read_back(values in prop::collection::vec(-1e30f32..1e30, 0..50)) {
        let values = &values[..values.len() / 4 * 4];
        let lines = values.chunks_exact(4);
        let lines = lines.map(|v| format!("{} {} {} {}\n", v[0], v[1], v[2], v[3]));
        let text = ascii(&xyzi(values.len() / 4), &lines.collect::<String>());
        let file = binary(&xyzi(values.len() / 4), &bytes(values));
        prop_assert_eq!(parse(&text), parse(&file));
    }

    #[test]
    fn no_input_panics(head in "(FIELDS|SIZE|TYPE|COUNT|WIDTH|POINTS|DATA|x|y| |\n|[0-9]){0,40}",
                      body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&[head.as_bytes(), &body].concat());
        for kind in ["ascii", "binary", "binary_compressed"] {
            let file = [xyzi(3).as_bytes(), format!("DATA {kind}\n").as_bytes(), &body].concat();
            let _ = parse(&file);
        }
    }
}
