"""Reading a page as a person at a browser would: the first form, its boxes and buttons."""

from devstack.login import FormReader

PAGE = """
<p>Allow?</p>
<form action="/go" method="post">
  <input type="hidden" name="csrf" value="a&amp;b"><input name="login"><input type="password" name="password">
  <label><input type="checkbox" name="scope" value="mail.imap" checked></label>
  <button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button>
</form>
<form><input type="hidden" name="other" value="x"></form>
<a href="/interaction/1/abort">Abort</a>
"""


def test_the_first_form_is_read_with_what_it_would_send() -> None:
    read = FormReader(PAGE)
    assert read.form is not None
    assert read.form.action == "/go"
    assert read.form.fields == [("csrf", "a&b")]
    assert read.form.boxes == [("scope", "mail.imap")]
    assert read.form.buttons == [("decision", "allow"), ("decision", "deny")]
    assert {"login", "password"} <= read.form.names
    assert read.links == ["/interaction/1/abort"]


def test_a_page_without_form_keeps_its_words_for_the_error() -> None:
    read = FormReader("<h1>This does not work</h1><p>unknown client</p>")
    assert read.form is None
    assert read.text == ["This does not work", "unknown client"]
