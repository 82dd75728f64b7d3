"""What the test client says, in Swedish; the English stands where it is used."""

from collections.abc import Mapping

LANGUAGES = ("sv", "en")

SWEDISH: Mapping[str, str] = {
    "Test": "Test",
    "Test client": "Testklient",
    "Ask the platform anything a service can ask, and see every question and answer as it is.": (
        "Fråga plattformen allt som en tjänst kan fråga, och se varje fråga och svar som det är."
    ),
    "For those who connect a service. It exists only in the demo.": (
        "För dig som ansluter en tjänst. Den finns bara i demon."
    ),
    "The request": "Frågan",
    "Begin with": "Börja med",
    "Client": "Klient",
    "Secret in the header (client_secret_basic)": "Hemlighet i huvudet (client_secret_basic)",
    "Secret in the form (client_secret_post)": "Hemlighet i formuläret (client_secret_post)",
    "Signed assertion (private_key_jwt)": "Signerat intyg (private_key_jwt)",
    "App without a server (none)": "App utan server (none)",
    "FAPI 2.0 (PAR, private_key_jwt, DPoP)": "FAPI 2.0 (PAR, private_key_jwt, DPoP)",
    "Machine (client_credentials)": "Maskin (client_credentials)",
    "More parameters": "Fler parametrar",
    "Other parameters": "Andra parametrar",
    "One name=value per line; the last word, also against what stands above.": (
        "Ett namn=värde per rad. Gäller före det som står ovan."
    ),
    "PKCE with S256": "PKCE med S256",
    "Redeem the code at once": "Lös in koden direkt",
    "Push the request (PAR)": "Skicka frågan i förväg (PAR)",
    "Bind the tokens to a key (DPoP)": "Bind token till en nyckel (DPoP)",
    "Send": "Skicka",
    # hints
    "What is asked for. offline_access gives a refresh token.": (
        "Det som efterfrågas. offline_access ger en refresh token."
    ),
    "The company's id, as in the portal's tile. Empty: the person chooses.": (
        "Företagets id, som i portalens ruta. Tomt: personen väljer."
    ),
    "Whether a page is shown, and which.": "Om en sida visas, och vilken.",
    "How many seconds ago the person may have proved who they are.": (
        "Hur många sekunder sedan personen högst får ha visat vem hen är."
    ),
    "A wish for how the person proves who they are.": (
        "Önskemål om hur personen visar vem hen är."
    ),
    "How the answer comes back.": "Hur svaret kommer tillbaka.",
    "Claims by name, as JSON.": "Uppgifter vid namn, som JSON.",
    "An address for the sign-in form.": "En adress till inloggningsformuläret.",
    "An earlier ID token of the person who is meant.": (
        "En tidigare ID-token för personen som avses."
    ),
    "The language of the pages.": "Sidornas språk.",
    "How the page is shown.": "Hur sidan visas.",
    "Only code is there.": "Bara code finns.",
    "Empty: made up.": "Tomt: slumpas.",
    "Empty: the test client's own.": "Tomt: testklientens egen.",
    # presets
    "Usual sign-in": "Vanlig inloggning",
    "Without a page": "Utan sida",
    "Sign in again": "Logga in igen",
    "Second factor": "Andra faktor",
    "Answer by POST": "Svar med POST",
    "Signed answer": "Signerat svar",
    "Bound tokens": "Bundna token",
    "App without a server": "App utan server",
    "FAPI 2.0": "FAPI 2.0",
    "Machine": "Maskin",
    "Wrong address": "Fel adress",
    # what can be done
    "Go on": "Gå vidare",
    "Redeem the code": "Lös in koden",
    "Refresh": "Förnya",
    "Who is it? (userinfo)": "Vem är det? (userinfo)",
    "What is it worth? (introspection)": "Vad är den värd? (introspection)",
    "Give back (revocation)": "Lämna tillbaka (revocation)",
    "access token": "access token",
    "refresh token": "refresh token",
    "Sign out": "Logga ut",
    "Sign out without a hint": "Logga ut utan intyg",
    "as it should be": "som det ska vara",
    "wrong verifier": "fel code_verifier",
    "wrong redirect_uri": "fel redirect_uri",
    "wrong secret or key": "fel hemlighet eller nyckel",
    "How": "Hur",
    # what happened
    "What happened": "Det som hände",
    "the newest first": "det nyaste först",
    "Nothing yet. Send a request.": "Inget ännu. Skicka en fråga.",
    "Look for notices": "Sök efter meddelanden",
    "Forget everything": "Glöm allt",
    "sent": "skickat",
    "answer": "svar",
    "headers": "huvuden",
    "header": "huvud",
    "claims": "uppgifter",
    "holds": "håller",
    "does not hold": "håller inte",
    "refused": "nekat",
    "Machine token": "Token för en maskin",
    "Pushed request (PAR)": "Fråga i förväg (PAR)",
    "Authorization request, with the browser": "Inloggningsfråga, genom webbläsaren",
    "Answer to the browser": "Svar genom webbläsaren",
    "Code for tokens": "Kod mot token",
    "Userinfo": "Userinfo",
    "Introspection": "Introspection",
    "Revocation": "Revocation",
    "Signing out, with the browser": "Utloggning, genom webbläsaren",
    "Back from signing out": "Tillbaka från utloggningen",
    "Back-channel notice from the platform": "Meddelande från plattformen, server till server",
    "Front-channel notice in a frame": "Meddelande från plattformen, i en ram",
    "The platform does not answer right now.": "Plattformen svarar inte just nu.",
    "Back": "Tillbaka",
}


def translate(text: str, language: str) -> str:
    """Return a text in a language; what has no Swedish is a fault that a test finds."""
    return SWEDISH[text] if language == "sv" else text
