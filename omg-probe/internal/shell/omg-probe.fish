# omg-probe: what this directory would run, in OMG_PROMPT, looked at before a prompt.
set -g __omg_probe_command @COMMAND@
set -g __omg_probe_files @FILES@
set -g __omg_probe_key

function __omg_probe --on-event fish_prompt
    set -l key $PWD
    for file in $__omg_probe_files
        test -f $file -a -r $file
        and set -a key (string escape <$file)
    end
    if test "$key" != "$__omg_probe_key"
        set -g __omg_probe_key $key
        set -g OMG_PROMPT ($__omg_probe_command 2>/dev/null </dev/null)
    end
end

# What ran may have changed what is shown.
function __omg_probe_ran --on-event fish_preexec
    set -g __omg_probe_key
end

function __omg_probe_ended
    return $argv[1]
end

# A prompt that names the variable already is left as it is.
if functions -q fish_prompt; and not functions fish_prompt | string match -q '*OMG_PROMPT*'
    functions -e __omg_probe_prompt
    functions -c fish_prompt __omg_probe_prompt
    function fish_prompt
        set -l ended $status $pipestatus
        test -n "$OMG_PROMPT"
        and printf '%s ' "$OMG_PROMPT"
        # The prompt sees $status and $pipestatus as they were.
        switch (count $ended)
            case 3
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3]
            case 4
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3] | __omg_probe_ended $ended[4]
            case 5
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3] | __omg_probe_ended $ended[4] | __omg_probe_ended $ended[5]
            case 6
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3] | __omg_probe_ended $ended[4] | __omg_probe_ended $ended[5] | __omg_probe_ended $ended[6]
            case '*'
                __omg_probe_ended $ended[1]
        end
        __omg_probe_prompt
    end
end
