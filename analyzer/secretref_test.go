package analyzer

import "testing"

func TestParseSecretRef(t *testing.T) {
	for text, want := range map[string]SecretRef{
		"jwt-main":                                         {Kind: InSecretManager, Name: "jwt-main"},
		"projects/acme/secrets/jwt":                        {Kind: InSecretManager, Project: "acme", Name: "jwt"},
		"projects/42/secrets/projects":                     {Kind: InSecretManager, Project: "42", Name: "projects"},
		"projects/acme/secrets/jwt/versions/7":             {Kind: InSecretManager, Project: "acme", Name: "jwt", Version: "7"},
		"projects/acme/secrets/jwt/versions/latest":        {Kind: InSecretManager, Project: "acme", Name: "jwt"},
		"projects/acme/locations/europe-west3/secrets/jwt": {Kind: InSecretManager, Project: "acme", Location: "europe-west3", Name: "jwt"},
		"env:JWT_SECRET":                                   {Kind: InEnvironment, Name: "JWT_SECRET"},
		"file:/run/secrets/jwt":                            {Kind: InFile, Name: "/run/secrets/jwt"},
	} {
		got, err := ParseSecretRef(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "env:", "env:A B", "file:", "projects/acme", "secrets/jwt", "projects//secrets/jwt", "projects/acme/secrets", "secrets/jwt/projects/acme",
		"projects/acme/secrets/jwt/secrets/x", "projects/acme/keys/jwt", "projects/acme/s/jwt", "projects/acme/secrets/jwt/versions/", "/run/secrets/jwt"} {
		if got, err := ParseSecretRef(text); err == nil {
			t.Errorf("%q gives %+v; want an error", text, got)
		}
	}
	for text, short := range map[string]string{"projects/acme/secrets/jwt/versions/7": "jwt", "file:/run/secrets/jwt": "jwt", "env:JWT": "JWT"} {
		if ref, _ := ParseSecretRef(text); ref.Short() != short {
			t.Errorf("%s is %s for short; want %s", text, ref.Short(), short)
		}
	}
}
