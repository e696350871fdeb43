# In an interactive fish, a key opens the package browser. The names of the chosen packages are inserted at the cursor.
if status is-interactive
    set -g __omg_browse_command @COMMAND@

    function __omg_browse
        set -l before (commandline -c | string collect)
        # pacman has no packages of the AUR.
        set -l only
        string match -qr '(^|[\s;&|(])pacman\s' -- "$before"
        and set only --repo-only
        set -l names ($__omg_browse_command $only)
        if test (count $names) -gt 0
            string match -qr '\S$' -- "$before"
            and commandline -i ' '
            commandline -i -- (string join ' ' -- (string escape -- $names))' '
        end
        commandline -f repaint
    end

    for __omg_browse_keymap in @KEYMAPS@
        bind -M $__omg_browse_keymap @KEY@ __omg_browse
    end
    set -e __omg_browse_keymap
end
