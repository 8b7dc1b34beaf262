"""The link of an email, in a browser, where there is no app to return to."""

import urllib.request


def test_a_scanner_uses_nothing_up(mailed):
    mailed = mailed()
    for _ in range(20):
        with urllib.request.urlopen(mailed.link(), timeout=10) as response:
            assert response.status == 200
    assert mailed.type_code().status == 200


def test_the_button_verifies_and_the_person_is_told_so(page, mailed):
    mailed = mailed()
    tab = mailed.open(page)
    assert "인증이 끝나면 앱으로 돌아가 주세요" in tab.locator("main").inner_text()
    tab.get_by_role("button").click()
    tab.locator("h1", has_text="이메일 주소가 인증되었습니다").wait_for()
    # The app may be on another device or in another browser.
    assert "인증번호를 입력해 주세요" in tab.locator("main").inner_text()
    assert tab.url.endswith("/verify"), "the address of the page carries no link"
    tab.reload()
    assert tab.locator("h1").inner_text() == "이메일 주소가 인증되었습니다"
    tab.go_back()
    tab.get_by_role("button").click()
    tab.locator("h1", has_text="이메일 주소가 인증되었습니다").wait_for()
    typed = mailed.type_code()
    assert (typed.status, typed.body["email"]) == (200, mailed.address)


def test_the_page_is_in_the_language_of_the_email(page, mailed):
    tab = mailed("ja").open(page)
    assert tab.locator("h1").inner_text() == "メールアドレスの認証"
    assert tab.locator("html").get_attribute("lang") == "ja"


def test_a_cut_link_gets_a_page_in_the_browsers_language(page, mailed):
    mailed = mailed("en")
    response = page.goto(mailed.link()[:-5])
    assert response.status == 400
    assert page.locator("h1").inner_text() == "사용할 수 없는 링크입니다"
    assert mailed.type_code().status == 200


def test_the_browser_applies_the_policy_and_loads_nothing_else(page, mailed):
    requests, messages = [], []
    mailed = mailed()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.goto(mailed.link())
    assert requests == [mailed.link()]
    assert messages == []
    button = page.get_by_role("button")
    assert button.evaluate("button => getComputedStyle(button).backgroundColor") == "rgb(29, 78, 216)"
