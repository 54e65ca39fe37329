# Verifies tokens with Crypt::JWT: one JSON object a line in, one out.
use strict;
use warnings;
use MIME::Base64 qw(decode_base64);
use JSON::PP qw(decode_json encode_json);
use Crypt::JWT qw(decode_jwt);
$| = 1;
while (my $line = <STDIN>) {
    my $ask = decode_json($line);
    my $out = { ok => JSON::PP::true };
    eval { decode_jwt(token => $ask->{token}, key => decode_base64($ask->{secret}), accepted_alg => 'HS256'); 1 }
        or $out = { name => 'Crypt::JWT', text => $@ };
    print encode_json($out), "\n";
}
