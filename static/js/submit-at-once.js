// response_mode=form_post: the answer goes on without a click; without JavaScript there is a button.
for (const form of document.querySelectorAll("form[data-submit-at-once]")) form.submit();
