//! Several byte strings as one, each behind its length in four bytes, and apart again: no two lists run together.

use std::str;

use vestibule_types::Wiped;

/// All of `parts`, in memory that is wiped: tokens may be among them.
pub(crate) fn framed<T: AsRef<[u8]>>(parts: &[T]) -> Wiped<Vec<u8>> {
    let whole = parts.iter().map(|part| size_of::<u32>() + part.as_ref().len()).sum();
    let mut framed = Vec::with_capacity(whole);
    for part in parts.iter().map(AsRef::as_ref) {
        let length = u32::try_from(part.len()).expect("names, numbers and tokens are short");
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(part);
    }
    Wiped::new(framed)
}

/// The parts of what [`framed`] made, in their order. `None` where it ends, or is broken.
pub(crate) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    pub(crate) fn of(framed: &'a [u8]) -> Self {
        Self(framed)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.bytes()?).ok()
    }

    pub(crate) fn number(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.bytes()?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_come_back_as_they_were_and_no_more_of_them(parts: Vec<Vec<u8>>) {
            let whole = framed(&parts);
            let mut frames = Frames::of(&whole);
            for part in &parts {
                prop_assert_eq!(frames.bytes(), Some(part.as_slice()));
            }
            prop_assert_eq!(frames.bytes(), None);
        }

        #[test]
        fn what_is_cut_short_has_no_last_part(part: Vec<u8>, cut: prop::sample::Index) {
            let whole = framed(&[part]);
            prop_assert_eq!(Frames::of(&whole[..cut.index(whole.len())]).bytes(), None);
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let mut frames = Frames::of(&bytes);
            while frames.bytes().is_some() {}
        }
    }

    #[test]
    fn a_number_has_eight_bytes_and_a_text_is_utf_8() {
        let whole = framed(&[(-7i64).to_be_bytes().as_slice(), b"1234567", b"\xff"]);
        let mut frames = Frames::of(&whole);
        assert_eq!((frames.number(), frames.number(), frames.text()), (Some(-7), None, None));
    }
}
