//! Small changes to inputs, the same for the same seed.

/// Makes new inputs of known ones.
#[derive(Clone, Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// Begins at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of the corpus, with one to five edits; some of them bring in parts of another, or words.
    pub fn mutate(&mut self, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut data = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(5) {
            let other = &corpus[self.below(corpus.len())];
            self.edit(&mut data, other, words);
        }
        data
    }

    fn edit(&mut self, data: &mut Vec<u8>, other: &[u8], words: &[&str]) {
        let at = self.below(data.len() + 1);
        let end = at + self.below((data.len() - at + 1).min(8));
        match self.below(7) {
            0 if at < data.len() => data[at] ^= 1 << self.below(8),
            1 => drop(data.drain(at..end)),
            2 => data.insert(at, u8::try_from(self.below(256)).unwrap_or_default()),
            3 => drop(data.splice(at..at, data[at..end].to_vec())),
            4 => {
                let from = self.below(other.len() + 1);
                drop(data.splice(at.., other[from..].iter().copied()));
            }
            5 => drop(data.splice(at..end, words[self.below(words.len())].bytes())),
            _ => drop(data.splice(at..at, words[self.below(words.len())].bytes())),
        }
    }

    /// A number smaller than `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("64 bits hold a length");
        usize::try_from(self.next() % end).expect("it is smaller than a length")
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
