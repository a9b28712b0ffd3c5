//! Texts that were sealed once, under fixed keys. They have to open for ever: cookies outlive gateways.

/// The time at which the sessions began, in Unix seconds.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) const HTTPS: &str = "https://app.example.com";
pub(crate) const HTTP: &str = "http://localhost:3000";

/// Of the secrets 32 times 1, which seals, and 32 times 2, which opens.
pub(crate) const KEY_IDS: [&str; 2] = ["oxYKO4MZ.", "FsQXJbky."];

/// Whatever was sealed for the session cookie at [`HTTPS`].
pub(crate) const FOR_HTTPS: [&str; 4] = [ADA, BOB, OVER, NOT_A_SESSION];

/// Sealed under the first key.
pub(crate) const ADA: &str = "v1.oxYKO4MZ.2Rv2RuJDw5lvxulRuCVAzhetvm8zUWf47S5nx53RKGhbpbdyegTt3f9JQQgIpOX_69yTQthW01D-EM30zPdwLDFU37FhJ2rRPAae4hWsH0MYrqV6iqVTtlIYixCRD1GiD4M_ATXnx0kIA07eRCqLgx1De6odqNtOz-ThhJ0LLTSGaMxFnIRMgrpqUUqsyV_2Rt9qDPa06Rt_BPiMHRaNAB2xhcsyZQ";

/// Sealed under the second.
pub(crate) const BOB: &str = "v1.FsQXJbky.iEe65yw_xmrkpUebE4Kj1iyrytRCuF3EA-o068u4PsJJ-VKKcP6FktSL7DybJ7BAMGEJ52JnlipTaIszX07pA0NUQkjCGV6jfHwjvGwVB2DBFnwFJwUobW-GHefQZglM1PaV1Hi4WPC-nIVdsGNvmRRkgduvMJMc7faRVC-Uv8ehDvDfkuKf9TzWb_LeZx_7KIJYxlgcX1p5ePTb89No2qx1MGkQ6A";

/// A session that is over at [`NOW`].
const OVER: &str = "v1.oxYKO4MZ.B-Wi7gChg7t0XHhpluKcR7PXo-TC8_jj1yZlA_euBjjI2PIRscyt3WAhKH9Bg-3X2WH5V2x_ZgwByPlscCp0JgJikSdcxR_thJkzJncfOnEZrjhL_2YeprPG3F4PQxI3MULd-eK7M2m3D-s48l1fPTEiYGhcXm2BnmWoYvJJx5c2VdkAxAXBghaP7lql91ySt65TfUrPPXwUPxl64j48qtj9A9B1Qg";

/// `{}`.
const NOT_A_SESSION: &str = "v1.oxYKO4MZ.vH7J1iVimFglmRoP_0t8ZmCZMHnTVsHBR6di6wiWfN_Tgg";

/// For [`HTTP`].
pub(crate) const LOCAL: &str = "v1.oxYKO4MZ.BWRUzf-YkLkFb0ABBfLd5NlXb7mUjwmkP_jpWVoqbam7xpL2IrwCsld7LcMsCzfZw7qcC37oKuBNt-MvAAuAwfGoj-Lpc6u7kB3hLXW7ostFbpsyD4LW8BsDgM1pryEn97lkz4Bh5wdewrYZRVd1ji5Ra8iD1_KpcuuL2oPbXHaKBE-cnIzPjzj7CbV0nChcdVLheZ-PmZrFHmY17VokgohR6vLz4ujXExY";
