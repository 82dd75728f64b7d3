// response_mode=form_post: the answer goes on without a click; without JavaScript there is a button.
// A plain script, so that it runs where modules don't (HtmlUnit, which the conformance suite drives).
document.querySelector("form[data-submit-at-once]").submit();
