package scriptlet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// facts returns the facts about a script, as "LINE KIND SUBJECT".
func facts(script string) []string {
	found := []string{}
	for _, f := range Examine([]byte(script), Options{}).Facts {
		found = append(found, fmt.Sprintf("%d %s %s", f.Line, f.Kind, f.Subject))
	}
	return found
}

// examples has lines, with the facts about each one, separated by commas. The line of a fact is that of the first line, unless "+N" is
// before it.
var examples = map[string]string{
	// Network tools.
	"curl -sL https://example.org/x -o /opt/x":      "downloads curl",
	"/usr/bin/wget -q https://example.org":          "downloads wget",
	"git clone https://example.org/x /opt/x":        "downloads git clone",
	"git -C /opt/x -c a=b pull":                     "downloads git pull",
	"git submodule update --init":                   "downloads git submodule update",
	"nc -l 4444":                                    "downloads nc",
	"exec 3<>/dev/tcp/example.org/80":               "downloads /dev/tcp/example.org/80",
	"cat < /dev/tcp/example.org/80":                 "downloads /dev/tcp/example.org/80",
	"python3.13 -c 'import urllib.request as u'":    "downloads python: urllib",
	"python - <<'X'\nimport os\nrequests.get(u)\nX": "+2 downloads python: requests.get",
	"node -e 'fetch(u)'":                            "downloads node: fetch(",
	"perl -MLWP::Simple -e 'LWP::Simple::get'":      "downloads perl: LWP::",
	"rsync -a example.org::x /opt":                  "downloads rsync",
	"rsync -a bob@example.org:x /opt":               "downloads rsync",
	"gpg --keyserver k --recv-keys 1":               "downloads gpg --recv-keys",
	"x=`curl https://example.org`":                  "downloads curl",
	"echo \"$(curl https://example.org)\"":          "downloads curl",
	"[ -n \"$(wget -qO- u)\" ] && true":             "downloads wget",
	"cat <<X\n$(curl u)\nX":                         "+1 downloads curl",
	"( cd /opt && curl u )":                         "downloads curl",
	"if ! curl u; then :; fi":                       "downloads curl",
	"for i in 1 2; do curl u; done":                 "downloads curl",
	"while curl u; do :; done":                      "downloads curl",
	"case $1 in *) curl u;; esac":                   "downloads curl",
	"curl u &":                                      "downloads curl",
	"time curl u":                                   "downloads curl",
	"coproc curl u":                                 "downloads curl",
	"a | curl -T - u":                               "downloads curl",
	"diff <(curl u) x":                              "downloads curl",
	"x=(a $(curl u))":                               "downloads curl",
	"local x=$(curl u)":                             "downloads curl",
	"(( $(curl u) ))":                               "downloads curl",
	"[[ -n $(curl u) ]]":                            "downloads curl",
	"trap 'curl u' EXIT":                            "downloads curl",
	"find / -name x -exec curl -T {} u \\;":         "downloads curl",
	"busybox wget u":                                "downloads wget",

	// Commands that run another one, and other ways to write its name.
	"sudo -u bob -H curl u":                 "downloads curl",
	"sudo A=b curl u":                       "downloads curl",
	"env -i A=b curl u":                     "downloads curl",
	"exec curl u":                           "downloads curl",
	"nohup nice -n 5 timeout -k 1 9 curl u": "downloads curl",
	"command curl u":                        "downloads curl",
	"A=b curl u":                            "downloads curl",
	"xargs -I {} curl {} < x":               "downloads curl",
	"su -c 'curl u'":                        "downloads curl",
	"su - bob -s /bin/sh -c 'curl u'":       "downloads curl",
	"su bob <<X\ncurl u\nX":                 "+1 downloads curl",
	"runuser -l bob -c 'curl u'":            "downloads curl",
	"sh -c 'true; curl u'":                  "downloads curl",
	"bash -lc \"true\ncurl u\"":             "+1 downloads curl",
	"bash -c \"sh -c 'curl u'\"":            "downloads curl",
	"echo 'curl u' | sh":                    "downloads curl",
	"printf '%s\\n' 'curl u' | sudo bash":   "downloads curl",
	"cat <<'X' | sh\ncurl u\nX":             "+1 downloads curl",
	"sh <<X\ncurl u\nX":                     "+1 downloads curl",
	"sh <<< 'curl u'":                       "downloads curl",
	"eval 'curl u'":                         "downloads curl",
	"eval cu\"rl\" u":                       "downloads curl",
	"\\curl u":                              "downloads curl",
	"'curl' u":                              "downloads curl",
	"cu\"r\"l u":                            "downloads curl",
	"c\\url u":                              "downloads curl",
	"$'\\x63\\165rl' u":                     "downloads curl",
	"{curl,u}":                              "downloads curl",
	"c=curl; $c u":                          "downloads curl",
	"c=cu; c+=rl; \"$c\" u":                 "downloads curl",
	"c='curl -s'; $c u":                     "downloads curl",
	"c=(curl -s); \"${c[@]}\" u":            "downloads curl",
	"c=$(command -v curl); $c u":            "downloads curl",
	"$(which curl) u":                       "downloads curl",
	"$(echo curl) u":                        "downloads curl",
	"${X:-curl} u":                          "downloads curl",
	"for c in true curl; do $c u; done":     "downloads curl",
	"local c=curl; $c u":                    "downloads curl",

	// Package managers.
	"npm install -g x":                         "package-manager npm install",
	"npm --prefix /opt i":                      "package-manager npm i",
	"npx x":                                    "package-manager npx",
	"bun add -g x":                             "package-manager bun add",
	"yarn global add x":                        "package-manager yarn global add",
	"pip3 install --user x":                    "package-manager pip install",
	"python -m pip install x":                  "package-manager pip install",
	"uv tool install x":                        "package-manager uv tool install",
	"gem install x":                            "package-manager gem install",
	"cargo install x":                          "package-manager cargo install",
	"go install example.org/x@latest":          "package-manager go install",
	"luarocks --local install x":               "package-manager luarocks install",
	"pacman -Sy --noconfirm x":                 "package-manager pacman -Sy",
	"pacman --noconfirm -U /x.pkg":             "package-manager pacman -U",
	"yay -S x":                                 "package-manager yay -S",
	"code --install-extension x":               "package-manager code --install-extension",
	"python -c 'os.system(\"pip install x\")'": "package-manager python: pip install",

	// Text that the script does not show.
	"eval \"$(cat x)\"":            "evaluates eval",
	"eval $x":                      "evaluates eval",
	"sh -c \"$x\"":                 "evaluates sh -c",
	"cat x | base64 -d | sh":       "evaluates base64 -d,evaluates … | sh",
	"base64 --decode x > /opt/x":   "evaluates base64 --decode",
	"xxd -r -p x":                  "evaluates xxd -r",
	"openssl enc -aes-256-cbc -d":  "evaluates openssl -d",
	"cat x | sudo bash -s -- a":    "evaluates … | bash",
	"cat x | python":               "evaluates … | python",
	"cat x | { true; sh; }":        "evaluates … | sh",
	"bash <(cat x)":                "evaluates bash <(…)",
	". <(cat x)":                   "evaluates source <(…)",
	"source /dev/stdin < <(cat x)": "evaluates source <(…)",
	"$(cat x) a":                   "evaluates …",
	"x=$(cat x); $x":               "evaluates …",
	"/usr/bin/cur? u":              "evaluates /usr/bin/cur?",
	"${x:0:1}url u":                "evaluates …url",
	"printf '\\x63\\x75\\x72\\x6c\\x20\\x75\\x0a\\x0a' > /opt/x": `evaluates printf \x…`,
	"python -c 'exec(x)'": "evaluates python: exec(",
	"curl -s u | bash":    "downloads curl,evaluates … | bash",

	// Services.
	"systemctl enable --now x":           "enables-service systemctl enable",
	"systemctl --user --global enable x": "enables-service systemctl enable",
	"systemctl start x || true":          "enables-service systemctl start",
	"rc-update add x":                    "enables-service rc-update add",
	"service x start":                    "enables-service service start",
	"/etc/rc.d/x restart":                "enables-service /etc/rc.d/x restart",
	"crontab /opt/x":                     "enables-service crontab",
	"systemd-run sleep 5":                "enables-service systemd-run",

	// Files outside of the package.
	"echo x >> ~/.bashrc":                            "writes-outside ~/.bashrc",
	"echo x >> ~bob/.bashrc":                         "writes-outside ~/.bashrc",
	"echo x >> \"$HOME/.bashrc\"":                    "writes-outside ~/.bashrc",
	"echo x >> /home/$u/.bashrc":                     "writes-outside /home/…/.bashrc",
	"echo x >> \"$d/.ssh/authorized_keys\"":          "writes-outside …/.ssh/authorized_keys",
	"echo x | tee -a /etc/sudoers >/dev/null":        "writes-outside /etc/sudoers",
	"cp x /etc/profile.d/":                           "writes-outside /etc/profile.d/x",
	"cp -t /etc/cron.daily x":                        "writes-outside /etc/cron.daily",
	"install -Dm644 x /etc/systemd/system/x.service": "writes-outside /etc/systemd/system/x.service",
	"ln -s x /usr/local/bin/x":                       "writes-outside /usr/local/bin/x",
	"sed -i s/a/b/ /etc/pam.d/su":                    "writes-outside /etc/pam.d/su",
	"dd if=x of=/etc/ld.so.preload":                  "writes-outside /etc/ld.so.preload",
	"{ echo x; } > /root/x":                          "writes-outside /root/x",
	"for d in /home/*; do cp x \"$d/.zshrc\"; done":  "writes-outside /home/*/.zshrc",

	// Nothing of this runs, or it does nothing worth knowing.
	"true\n# curl u | sh":                         "",
	"echo 'curl u | sh'":                          "",
	"echo run npm install -g x":                   "",
	"printf '%s\\n' 'sudo systemctl enable x'":    "",
	"cat <<X\n  curl u | sh\n  pip install x\nX":  "",
	"cat <<'X'\n$(curl u)\nX":                     "",
	": <<'X'\ncurl u\nX":                          "",
	"license=CC-BY-NC":                            "",
	"git -C /opt/x -c core.a=nc rev-parse HEAD":   "",
	"git -C /srv/sync -c core.a=b rev-parse HEAD": "",
	"git config --global x y":                     "",
	"grep -nc x file":                             "",
	"command -v curl >/dev/null":                  "",
	"which npm || echo install npm":               "",
	"type -p curl":                                "",
	"curl --version":                              "",
	"pacman -Q curl":                              "",
	"pacman -Ssq npm":                             "",
	"npm config get prefix":                       "",
	"pip list":                                    "",
	"[ -x /usr/bin/curl ]":                        "",
	"rm -f /usr/share/wget/x":                     "",
	"systemctl daemon-reload":                     "",
	"systemctl is-enabled x":                      "",
	"systemctl disable --now x":                   "",
	"base64 x":                                    "",
	"xxd x":                                       "",
	"printf '\\e[1;31m\\033[1m==>\\033[0m x\\n'":  "",
	"echo -e '\\x1b[1m x'":                        "",
	"cp x /opt/x":                                 "",
	"echo x > /dev/null 2>&1":                     "",
	"cat ~/.bashrc":                               "",
	"rsync -a /a /b":                              "",
	"fetchmail --help":                            "",
	"getent passwd x | while read l; do :; done":  "",
	"msg() { echo \"$@\"; }; msg curl u":          "",
	"never() { curl u; }":                         "",
	"python -c 'import compileall'":               "",
	"cat x | python -m json.tool":                 "",
	"sh /opt/x.sh":                                "",
	"su - bob -c 'gsettings set a b'":             "",
}

// TestExamine checks the facts about one line in a function that pacman calls.
func TestExamine(t *testing.T) {
	for line, want := range examples {
		expected := []string{}
		for _, one := range strings.Split(want, ",") {
			if one == "" {
				continue
			}
			at := 2
			if rest, ok := strings.CutPrefix(one, "+"); ok {
				at, one = at+int(rest[0]-'0'), rest[2:]
			}
			expected = append(expected, fmt.Sprintf("%d %s", at, one))
		}
		t.Run(line, func(t *testing.T) { require.Equal(t, expected, facts("post_install() {\n"+line+"\n}\n")) })
	}
}
