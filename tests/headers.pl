#!/usr/bin/perl
# Headers are contracts: fails when a comment names, in capitals, a parameter that none of the declarations below
# it has, or when a function is declared that nobody calls. Usage: headers.pl [ROOT]
# What may be named: parameters and fields below the comment, what the callbacks are given that are used there, and
# the header's callbacks by their own names ("CB does not come"). headers_selftest.sh checks this program.
use strict;
use warnings;
use open qw(:std :encoding(UTF-8));

chdir($ARGV[0] // ".") or die "no such folder";
my @files = split /\n/, `find engine schema scripting adapters -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null | LC_ALL=C sort`;
my $bad = 0;
sub complain { print "@_\n"; $bad++ }
sub slurp { open my $f, "<", $_[0] or die "$_[0]: $!"; local $/; <$f> }

# Words in capitals that are no parameters.
my %word = map { $_ => 1 } qw(
    ABI API ASCII AND BSD CA CLOB CORS CPU CR CRC CRLF CRUD CSV DELETE DER DNS EAGAIN EC ECDSA EINTR EIO ENOENT EOF ES ES256 EXIT
    FIN FK GET GMT GUARD HEAD HMAC HS HTML HTTP HTTPS IANA ID IDS IEEE IETF INSERT IO IP IPV4 IPV6 ISO JSON JSONB JWK JWKS JWT KB
    LF LIST LRU MB MB0 MIB MIT NAN NFC NOT NUL NULL OID OK OR ORDER BY OS OWASP PATCH PEM PG PID POSIX POST PUT QS RAM REPLACE
    REST RFC RS RSA RST SELECT SHA SHA1 SHA256 SIGHUP SIGINT SIGKILL SIGPIPE SIGSTOP SIGTERM SIGXFSZ SNI SP SQL SQLITE SQLSTATE SSL
    SSRF TCP TLS TODO TSAN TTL TXT UBSAN UI UPDATE UPSERT URI URL UTC UTF UUID UUIDV7 WAL WWW XML YAML ZWJ A B C I X Y Z N T CTX JS LUA
    SET SIMD NAME PLAIN ABSENT CONFLICT TRUE FALSE AUTH CLIENT SETNAME PING CREATE TABLE RETURNING HS256 HS384 HS512 RS256 RS384 RS512 PS256 MIME NTP DD HH MM SS DDTHH
    CONNECT DISCONNECT ACK FFFD FE0F FFFF INT64_MAX IN UNIX VS WHERE CI ICU IF SIGALRM SSE SARIF JUNIT NIL USER
);

sub parameters { # of one declaration's text: its names
    my ($text) = @_;
    my %names;
    $names{uc $1} = 1 while $text =~ /\b([a-z_]\w*)\b(?=\s*(?:[,;)\[({=:]|\/\*|$))/g;
    return %names;
}

sub without_comments { $_[0] =~ s{/\*.*?\*/}{}gsr }

# The parameters of a type of callback, "typedef void hub_room_cb(void *arg, …);", by its name.
my %given;
for my $file (grep { /\.h$/ } @files) {
    my $code = without_comments(slurp($file));
    $given{$1} = {parameters("$2)")} while $code =~ /^typedef [^;(]*?\b(\w+)\(([^;]*)\);/mg;
}

sub callbacks { # of a header's text: the names of members and parameters that are functions
    my ($code) = @_;
    my %names;
    $names{uc $1} = 1 while $code =~ /\(\*(\w+)\)\s*\(/g;
    while ($code =~ /\b(\w+) \*(\w+)\b/g) { $names{uc $2} = 1 if $given{$1} }
    return %names;
}

for my $file (grep { /\.h$/ } @files) {
    my $text = slurp($file);
    # A comment, then everything up to the next comment that stands by itself.
    my @parts = split m{^((?:[ \t]*)/\*.*?\*/[ \t]*\n)}ms, $text;
    my $line = 1;
    my $code_of_file = without_comments($text);
    my $macro = join " ", $code_of_file =~ /^#define \w+\(([^)]*)\)/mg;
    my %callbacks = callbacks($code_of_file);
    for my $i (0 .. $#parts) {
        my $part = $parts[$i];
        if ($i % 2 == 1 && ($parts[$i + 1] // "") =~ /\S/) {
            my $below = without_comments($parts[$i + 1]);
            my $own = $below =~ /\(/ ? 1 : 0;
            if ($own) {
                my %names = (parameters($below), map { $given{$_} ? %{$given{$_}} : () } $below =~ /\w+/g);
                my $prose = $part =~ s{"[^"]*"|'[^']*'|\b[A-Z]+_\w+}{}gr;
                while ($prose =~ /\b([A-Z][A-Z0-9_]+)\b(?![a-z(-])/g) {
                    my $w = $1;
                    next if $word{$w} || $names{$w} || $callbacks{$w} || $macro =~ /\b$w\b/ || $code_of_file =~ /_$w\b/;
                    complain("$file:" . ($line + (() = substr($prose, 0, pos $prose) =~ /\n/g)) . ": the comment names $w, which nothing below it has");
                }
            }
        }
        $line += () = $part =~ /\n/g;
    }
}

# Functions that are declared and not called: by no other file, and not in their own either but for the definition.
my (%uses, %declared);
for my $file (@files) {
    my $code = without_comments(slurp($file));
    $uses{$1}++ while $code =~ /\b(hub_\w+)\b/g;
    next unless $file =~ /\.h$/;
    while ($code =~ /^(?!static|typedef|#)(?:HUB_MUST )?[a-z][\w \*]*?\b(hub_\w+)\(/mgi) { $declared{$1} //= $file }
}
my %for_tests = map { $_ => 1 } qw(hub_pg_harmless hub_tables_suffix hub_clock_init hub_clock_init_frozen hub_clock_deinit hub_clock_turn hub_clock_set_wall
    hub_code_rows hub_scripts_memory hub_text_load hub_scenario_text_load); # hub_text_load also for the fuzzer
# Headers whose callers come with the next step of decision 0039; until then tests call what is in them.
my %ahead = map { ("engine/$_.h" => 1) } qw(mesh/place/lease mesh/place/place mesh/place/places mesh/window/window fanout/shared_bus);
for my $name (sort keys %declared) {
    next if $for_tests{$name} || $ahead{$declared{$name}};
    complain("$declared{$name}: $name() has no caller") if $uses{$name} <= 2;
}
exit($bad > 0);
