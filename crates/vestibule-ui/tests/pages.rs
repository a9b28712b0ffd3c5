//! What is true of every page in every state.

#[path = "../examples/preview/states.rs"]
mod states;

use axum::Router;
use states::{HOSTILE, all};
use vestibule_ui::assets::{self, DOCS_STYLE, SCRIPT, STYLE};

/// The tags of a page, without what stands between them.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default())
}

/// The names of a tag's attributes. No value of ours has a `"` in it: it is escaped.
fn attributes(tag: &str) -> impl Iterator<Item = &str> {
    tag.split('"').step_by(2).flat_map(|part| part.split_whitespace()).skip(1)
}

#[test]
fn cs_12_no_page_has_an_inline_script_or_style() {
    for (name, page) in all() {
        for tag in tags(&page) {
            assert!(!tag.starts_with("style"), "{name}: {tag}");
            assert!(
                !tag.starts_with("script") || tag.contains(" src=\"/_vestibule/"),
                "{name}: {tag}"
            );
            for attribute in attributes(tag) {
                assert!(!attribute.starts_with("style="), "{name}: {tag}");
                assert!(!attribute.starts_with("on"), "{name}: {tag}");
            }
            assert!(!tag.contains("javascript:"), "{name}: {tag}");
        }
    }
}

#[test]
fn cs_12_what_people_type_is_shown_as_text() {
    for (name, page) in all() {
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{name}");
        assert!(!page.contains(HOSTILE), "{name}");
        if name.ends_with("-hostile") {
            assert!(page.contains("&#60;script&#62;alert(1)") || name == "login-hostile", "{name}");
        }
    }
}

#[test]
fn every_page_has_one_heading_one_main_a_title_a_language_and_a_way_past_the_top() {
    for (name, page) in all() {
        for (part, count) in [
            ("<h1", 1),
            ("<main id=\"main\"", 1),
            ("<title>", 1),
            ("<html lang=\"en\"", 1),
            ("<a class=\"skip\" href=\"#main\">", 1),
        ] {
            assert_eq!(page.matches(part).count(), count, "{name}: {part}");
        }
        assert!(!page.contains("<title> ·"), "{name}");
    }
}

#[test]
fn every_input_has_a_label_and_every_reference_leads_somewhere() {
    for (name, page) in all() {
        let values = |attribute: &str| {
            let mark = format!(" {attribute}=\"");
            let values: Vec<String> = page
                .split(&mark)
                .skip(1)
                .flat_map(|rest| rest.split('"').next().unwrap_or_default().split_whitespace())
                .map(str::to_owned)
                .collect();
            values
        };
        let ids = values("id");
        for attribute in ["for", "aria-describedby", "aria-labelledby"] {
            for value in values(attribute) {
                assert_eq!(ids.iter().filter(|id| **id == value).count(), 1, "{name}: {value}");
            }
        }
        let labelled = values("for");
        for tag in
            tags(&page).filter(|tag| tag.starts_with("input ") && !tag.contains("\"hidden\""))
        {
            assert!(
                labelled.iter().any(|id| tag.contains(&format!("id=\"{id}\""))),
                "{name}: {tag}"
            );
        }
    }
}

#[test]
fn forms_post_to_this_site_and_passwords_are_never_filled_in() {
    for (name, page) in all() {
        for tag in tags(&page) {
            if tag.starts_with("form ") {
                assert!(tag.starts_with("form method=\"post\" action=\"/"), "{name}: {tag}");
            }
            if tag.contains("type=\"password\"") {
                assert!(!tag.contains(" value="), "{name}: {tag}");
            }
        }
    }
}

#[test]
fn the_login_form_asks_whether_to_remember_and_takes_yes_for_granted() {
    // Of two values the last counts, and a box that is not ticked sends none.
    let form = |ticked: &str| {
        format!(
            "<input type=\"hidden\" name=\"remember\" value=\"off\">\n<label class=\"check\" for=\"remember\">\
             <input id=\"remember\" name=\"remember\" type=\"checkbox\" value=\"on\"{ticked}>"
        )
    };
    for (name, page) in all().into_iter().filter(|(name, _)| name.starts_with("login")) {
        let ticked = if name == "login-unremembered" { "" } else { " checked" };
        assert!(page.contains(&form(ticked)), "{name}: {page}");
    }
}

#[test]
fn whoever_is_signed_in_can_sign_out_on_every_page() {
    // The API reference is served by the API, which knows no browser's session.
    for (name, page) in all().into_iter().filter(|(name, _)| !name.starts_with("docs")) {
        let signed_in = page.contains("data-signed-in");
        let form =
            "<form method=\"post\" action=\"/logout\"><button class=\"quiet\">Sign out</button>";
        assert_eq!(page.contains(form), signed_in, "{name}");
        assert_eq!(page.contains("href=\"/login"), !signed_in, "{name}");
    }
}

#[test]
fn pages_with_errors_say_so_in_their_titles_and_beside_the_fields() {
    let pages = all();
    let page = |name: &str| &pages.iter().find(|(at, _)| at == name).expect("a state").1;
    for name in ["login-wrong", "register-taken", "dashboard-errors"] {
        assert!(page(name).contains("<title>Error: "), "{name}");
    }
    let taken = page("register-taken");
    assert!(taken.contains("id=\"username-error\" role=\"alert\">That username isn"), "{taken}");
    assert!(taken.contains("value=\"ada@example.com\""));
    assert_eq!(taken.matches("aria-invalid=\"true\"").count(), 1);
    assert_eq!(taken.matches(" autofocus").count(), 1);
}

#[test]
fn a_page_with_its_style_and_script_is_under_30_kb() {
    for (name, page) in all() {
        let docs = if name == "docs" { DOCS_STYLE.bytes.len() } else { 0 };
        let all = page.len() + STYLE.bytes.len() + SCRIPT.bytes.len() + docs;
        println!("{all:6} bytes: {name} ({} of HTML)", page.len());
        // A reference is as long as its API.
        if name != "docs" {
            assert!(all < 30 * 1024, "{name}: {all}");
        }
    }
}

#[test]
fn every_link_to_a_file_is_the_file_s_own() {
    let _routes_fit: Router = assets::router();
    for (name, page) in all() {
        for link in page.split("\"/_vestibule/").skip(1).map(|rest| rest.split('"').next()) {
            let link = link.expect("a closing quote");
            let file = link.split('?').next().expect("a name");
            let asset = assets::asset(file).unwrap_or_else(|| panic!("{name}: {file}"));
            assert_eq!(asset.url(), format!("/_vestibule/{link}"), "{name}");
        }
    }
}
