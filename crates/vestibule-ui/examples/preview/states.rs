//! Every page in every state worth looking at: for the preview's screenshots and for the tests.

use askama::Template;
use vestibule_gateway::{Account, AccountFacts, AccountId, Problem};
use vestibule_types::{Invalid, PictureUrl, SessionEntry};
use vestibule_ui::docs;
use vestibule_ui::pages::{
    AuthError, Dashboard, DashboardNotice, ErrorPage, Frame, Home, Login, LoginNotice, Person,
    ProfileForm, Register, Sessions,
};
use vestibule_ui::text::{Refused, Trouble};

/// What must never be markup, wherever it is typed.
pub(crate) const HOSTILE: &str =
    "<script>alert(1)</script>\"'`&\u{202e}<img src=x onerror=alert(1)>";

/// Name of each state and its page.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut all = vec![("docs".to_owned(), docs::page(&out(), &sample()))];
    all.extend(homes());
    all.extend(logins());
    all.extend(registers());
    all.extend(dashboards());
    all.extend(errors());
    all
}

fn sample() -> serde_json::Value {
    serde_json::from_str(include_str!("../openapi.sample.json")).expect("the sample is JSON")
}

fn shown(name: &str, page: &impl Template) -> (String, String) {
    (name.to_owned(), page.render().expect("no value fails to show itself"))
}

fn out() -> Frame {
    Frame {
        person: None,
        hint_cookie: "vestibule_hint".to_owned(),
        hint: String::new(),
        is_closed: false,
    }
}

fn of(user: &Account) -> Frame {
    Frame { person: Some(Person::from(user)), ..out() }
}

fn ada() -> Account {
    Account {
        id: AccountId::Number(1815),
        name: "Ada Lovelace".to_owned(),
        username: "ada".to_owned(),
        email: Some("ada@example.com".to_owned()),
        profile_image_url: String::from(PictureUrl::default()),
        facts: AccountFacts::default(),
    }
}

fn long() -> Account {
    Account {
        id: AccountId::Number(i64::MAX),
        name: "Wolfeschlegelsteinhausenberger".to_owned(),
        username: "abcdefghijklmnopqrst".to_owned(),
        email: Some("a".repeat(38) + "@example.com"),
        profile_image_url: format!("https://pictures.example.com/{}", "a".repeat(300)),
        facts: AccountFacts::default(),
    }
}

fn hostile() -> Account {
    Account {
        name: HOSTILE.to_owned(),
        username: HOSTILE.to_owned(),
        email: Some(HOSTILE.to_owned()),
        profile_image_url: HOSTILE.to_owned(),
        ..ada()
    }
}

fn homes() -> Vec<(String, String)> {
    vec![
        shown("home", &Home { frame: out() }),
        shown("auth-error", &AuthError::new(out(), Some("INVALID_TOKEN"))),
        shown("home-in", &Home { frame: of(&ada()) }),
        shown("home-long", &Home { frame: of(&long()) }),
        shown("home-hostile", &Home { frame: of(&hostile()) }),
    ]
}

fn logins() -> Vec<(String, String)> {
    let login = || Login { frame: out(), ..Login::default() };
    let typed = || Login {
        username: "ada".to_owned(),
        next: Some("/reports?year=2026".to_owned()),
        ..login()
    };
    vec![
        shown("login", &login()),
        shown("login-next", &Login { username: String::new(), ..typed() }),
        shown("login-ready", &Login { notice: Some(LoginNotice::AccountReady), ..typed() }),
        shown("login-out", &Login { notice: Some(LoginNotice::SignedOut), ..login() }),
        shown("login-deleted", &Login { notice: Some(LoginNotice::AccountDeleted), ..login() }),
        shown("login-ended", &Login { notice: Some(LoginNotice::SessionEnded), ..typed() }),
        shown("login-wrong", &Login { trouble: Some(Trouble::WrongCredentials), ..typed() }),
        shown("login-unremembered", &Login { unremembered: true, ..typed() }),
        shown("login-fast", &Login { trouble: Some(Trouble::TooMany(Some(540))), ..typed() }),
        shown("login-down", &Login { trouble: Some(Trouble::Unavailable), ..typed() }),
        shown("login-busy", &Login { trouble: Some(Trouble::Busy), ..typed() }),
        shown("login-empty", &Login { refused: missing(&["username", "password"]), ..login() }),
        shown(
            "login-hostile",
            &Login { username: HOSTILE.to_owned(), next: Some(HOSTILE.to_owned()), ..login() },
        ),
    ]
}

fn missing(fields: &[&str]) -> Refused {
    let errors = fields.iter().map(|field| Invalid::missing().of(field)).collect();
    Refused::from_detail(&vestibule_types::Detail::fields(errors), fields)
}

fn registers() -> Vec<(String, String)> {
    let register = || Register { frame: out(), ..Register::default() };
    let typed = || Register {
        name: "Ada Lovelace".to_owned(),
        username: "ada".to_owned(),
        email: "ada@example.com".to_owned(),
        ..register()
    };
    let taken = Refused::from_detail(
        &vestibule_types::Detail::text("Username not available"),
        &Register::SHOWN,
    );
    let many = vestibule_types::Detail::fields(vec![
        Invalid::too_short(2).of("name"),
        Invalid::pattern("^[a-z0-9]+$").of("username"),
        Invalid::value("value is not a valid email address: …", "…").of("email"),
        Invalid::too_short(8).of("password"),
        Invalid::extra().of("tier_id"),
    ]);
    vec![
        shown("register", &register()),
        shown("register-taken", &Register { refused: taken, ..typed() }),
        shown(
            "register-errors",
            &Register {
                name: "A".to_owned(),
                username: "Ada L".to_owned(),
                email: "ada@".to_owned(),
                refused: Refused::from_detail(&many, &Register::SHOWN),
                ..register()
            },
        ),
        shown("register-down", &Register { trouble: Some(Trouble::Unavailable), ..typed() }),
        shown(
            "register-hostile",
            &Register {
                name: HOSTILE.to_owned(),
                username: HOSTILE.to_owned(),
                email: HOSTILE.to_owned(),
                next: Some(HOSTILE.to_owned()),
                refused: Refused::from_detail(
                    &vestibule_types::Detail::text(HOSTILE),
                    &Register::SHOWN,
                )
                .and("email", HOSTILE),
                ..register()
            },
        ),
    ]
}

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "curl/8.17.0",
    "",
];

fn sessions(count: usize) -> Sessions {
    let entry = |at: usize| SessionEntry {
        id: format!("s{at}"),
        created: 1_795_352_700 - 40_000 * at as i64,
        last_used: (1_795_352_700 - 9_000 * at as i64) / 3_600 * 3_600,
        expires_at: 1_795_957_500,
        agent: AGENTS[at % AGENTS.len()].to_owned(),
        address: if at % 5 == 3 { "2001:db8:85a3::8a2e:370:7334" } else { "203.0.113.7" }
            .to_owned(),
        current: at == 1 || count == 1,
    };
    Sessions::Listed((0..count).map(entry).collect())
}

fn dashboards() -> Vec<(String, String)> {
    let dashboard = |user: Account, count| Dashboard::new(of(&user), user, sessions(count));
    let hostile_session = SessionEntry {
        id: HOSTILE.to_owned(),
        created: i64::MIN,
        last_used: i64::MAX,
        expires_at: 0,
        agent: HOSTILE.to_owned(),
        address: HOSTILE.to_owned(),
        current: false,
    };
    let many = vestibule_types::Detail::fields(vec![
        Invalid::too_short(2).of("name"),
        Invalid::pattern("^(https?|ftp)://").of("profile_image_url"),
    ]);
    vec![
        shown("dashboard", &dashboard(ada(), 3)),
        shown("dashboard-alone", &dashboard(ada(), 1)),
        shown("dashboard-many", &dashboard(ada(), 20)),
        shown("dashboard-long", &dashboard(long(), 2)),
        shown(
            "dashboard-unicode",
            &dashboard(
                Account {
                    name: "\u{645}\u{631}\u{64a}\u{645} 李小龍 🦀".to_owned(),
                    email: Some("δοκιμή@παράδειγμα.ελ".to_owned()),
                    ..ada()
                },
                2,
            ),
        ),
        shown(
            "dashboard-saved",
            &Dashboard { notice: Some(DashboardNotice::Saved), ..dashboard(ada(), 2) },
        ),
        shown(
            "dashboard-errors",
            &Dashboard {
                profile: ProfileForm {
                    name: "A".to_owned(),
                    profile_image_url: "me.png".to_owned(),
                    ..ProfileForm::from(&ada())
                },
                refused: Refused::from_detail(&many, &Dashboard::SHOWN),
                unconfirmed: true,
                ..dashboard(ada(), 2)
            },
        ),
        shown(
            "dashboard-down",
            &Dashboard {
                sessions: Sessions::Unavailable,
                trouble: Some(Trouble::Unavailable),
                ..dashboard(ada(), 0)
            },
        ),
        shown(
            "dashboard-hostile",
            &Dashboard {
                sessions: Sessions::Listed(vec![hostile_session]),
                unconfirmed: true,
                ..dashboard(hostile(), 0)
            },
        ),
    ]
}

fn errors() -> Vec<(String, String)> {
    let error = |frame: Frame, problem| ErrorPage {
        request_id: "01KB5Z3V9Q".to_owned(),
        ..ErrorPage::new(frame, problem)
    };
    let mut all: Vec<_> = Problem::ALL
        .into_iter()
        .map(|problem| shown(&format!("error-{}", problem.code), &error(out(), problem)))
        .collect();
    all.push(shown("error-internal-in", &error(of(&ada()), Problem::INTERNAL)));
    all.push(shown(
        "error-failing-in",
        &ErrorPage {
            path: Some("/dashboard?a=1&b=2".to_owned()),
            ..error(of(&ada()), Problem::FAILING)
        },
    ));
    all.push(shown(
        "error-hostile",
        &ErrorPage {
            request_id: HOSTILE.to_owned(),
            path: Some(format!("/{HOSTILE}")),
            ..error(of(&hostile()), Problem::FAILING)
        },
    ));
    all
}
