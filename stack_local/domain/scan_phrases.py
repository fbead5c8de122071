"""The phrases of the content scanner in English (product.md 6.3, L1). What ordinary texts say as well is left out.

Critical are those that hardly anybody writes but to take an agent over; the rest is suspicious. `written` says how a
phrase is read. An id stays what it is: records name it.
"""

from stack_local.domain.scan_patterns import Verdict, written

CRITICAL, SUSPICIOUS = Verdict.CRITICAL, Verdict.SUSPICIOUS

_IGNORE = "ignore|ignores|ignoring|disregard|disregarding|forget|forgetting|discard|neglect"
_ANY = "all|any|every|everything|each|of|the|your|my|our|its|these|those|this|that|such|and|or|other"
_PRIOR = (
    "previous|prior|above|earlier|preceding|foregoing|initial|original|existing|past|former|aforementioned"
    "|previously_given|previously_stated"
)
_ORDERS = (
    "instruction|instructions|prompt|prompts|directive|directives|guideline|guidelines|rule|rules|command|commands"
    "|programming|guidance|system_message|system_messages"
)
_SYSTEM = "system|user|developer|safety|security|and|or"
_AI = "ai|model|assistant|bot|chatbot|chatgpt|gpt|llm|character|persona|entity|machine|intelligence"
_UNBOUND = "unrestricted|unfiltered|uncensored|jailbroken|unaligned|amoral|immoral|unethical|unmoderated"
_LIMITS = (
    "restriction|restrictions|limitation|limitations|filter|filters|constraint|constraints|rules|guidelines|ethics"
    "|morals|morality|censorship|guardrails|boundaries|safeguards|policies"
)
_SAFETY = "safety|content|ethical|ethics|moral|security|usage|openai|anthropic|google|built_in|ai|and|or"
_MAKERS = "openai|anthropic|google|microsoft|meta"
_TELL = (
    "reveal|show|print|repeat|output|display|disclose|leak|share|give|tell|dump|expose|recite|write|return|send|read"
    "|quote|copy|list|type|echo|translate|summarize|summarise|describe|paraphrase|spell|provide"
)
_WHOLE = "its|full|entire|complete|exact|whole|initial|original|verbatim|hidden|secret|internal|raw|own|current|the"
_WORD_FOR_WORD = "verbatim|word_for_word|exactly|starting_with|beginning_with|in_full|in_a_code_block"
_YOU_ARE = "you_are|you_re"

ENGLISH = (
    # instruction override
    written(
        "override.all_previous",
        CRITICAL,
        f"{_IGNORE}! absolutely|literally|completely|entirely|just|about?2 all|any|every|everything|each {_ANY}?4"
        f" {_PRIOR} {_SYSTEM}?3 {_ORDERS}",
    ),
    written("override.previous", SUSPICIOUS, f"{_IGNORE}! {_ANY}?4 {_PRIOR} {_SYSTEM}?3 {_ORDERS}"),
    written(
        "override.everything_above",
        SUSPICIOUS,
        "ignore|disregard|forget! everything|anything that|is|was|i|you|we|said|told|written|stated|of|the?4"
        " above|before|prior|previously",
    ),
    written(
        "override.above_and",
        SUSPICIOUS,
        "ignore|disregard|forget! the_above|all_of_the_above|all_the_above text|prompt|message|content?2 and"
        " instead|just|only|simply?2 instead|say|respond|print|tell|output|reply|answer|reveal|translate|write",
    ),
    written(
        "override.all",
        SUSPICIOUS,
        "ignore|disregard|forget! all|every|other other|of|the|your|safety|system|these?4"
        " instructions|prompts|guidelines|programming",
    ),
    written(
        "override.given_before",
        CRITICAL,
        f"{_IGNORE}! {_ANY}?5 {_ORDERS} that|which|you|were|are|have_been|given?3"
        " above|before|previously_given|given_above|you_were_given|you_have_been_given|you_received|given_to_you",
    ),
    written(
        "override.yours",
        CRITICAL,
        "ignore|ignoring|disregard|disregarding|override|overrule|abandon! all|any|every|of|the?4 your"
        f" {_PRIOR}|own|system|safety|current|core|ethical?3 {_ORDERS}|training",
    ),
    written(
        "override.told",
        CRITICAL,
        "forget|disregard|ignore! everything|anything|all|whatever|what that|which|of|the|things?3"
        " you_were_told|you_have_been_told|you_were_instructed|you_were_taught|you_have_been_instructed"
        "|you_ve_been_told|you_were_trained|you_have_been_taught|you_ve_been_taught|i_told_you",
    ),
    written(
        "override.overrule",
        CRITICAL,
        f"override|overrule|bypass|circumvent! {_ANY}?4 {_PRIOR} system|user|developer|safety?2"
        " instruction|instructions|prompt|prompts|directives|programming",
    ),
    written(
        "override.not_followed",
        SUSPICIOUS,
        "do_not|don_t|stop|never|no_longer follow|following|obey|obeying|comply_with|complying_with|listen_to|adhere_to"
        f" any|all|of|the?3 your|{_PRIOR} {_PRIOR}|system|safety|developer?3"
        " instruction|instructions|prompt|prompts|directives|programming|guidelines!",
    ),
    written(
        "override.new_ones",
        SUSPICIOUS,
        "your new|real|actual|true|updated|only system|secret|primary|and|only?2"
        " instruction|instructions|directive|directives|prompt|objective! is|are"
        " to|as_follows|now|the_following|only|simple|simply",
    ),
    written(
        "override.from_now_on",
        SUSPICIOUS,
        "from_now_on|from_this_point_on|from_this_moment|henceforth *?1 you"
        " will|must|shall|are_to|are_going_to|should|only|always|ll?3"
        " obey|respond|answer|behave|ignore|comply|pretend|roleplay|act|disregard!",
    ),
    written(
        "override.void",
        SUSPICIOUS,
        f"your|the|all|those {_PRIOR}|system|safety?3 instructions|rules|guidelines|restrictions|directives!"
        " no_longer_apply|do_not_apply|don_t_apply|are_void_now|are_now_void|are_suspended_now|are_lifted to?1"
        " you|now|here|anymore",
    ),
    written(
        "override.authority",
        SUSPICIOUS,
        "system|admin|administrator|developer|root|operator|security override!"
        " enabled|engaged|activated|accepted|authorized|authorised|initiated|granted|protocol|code",
    ),
    # role-play breakout
    written(
        "breakout.now_unbound",
        CRITICAL,
        f"{_YOU_ARE}|you_will_be|become|be|act_as|behave_as|pretend_to_be"
        f" now|an|a|the|going_to_be|acting_as|completely|totally|fully|my?3 {_UNBOUND}|evil|rogue!"
        f" *?2 {_AI}|version|mode",
    ),
    written(
        "breakout.act_unbound",
        SUSPICIOUS,
        "act|behave|respond|answer|pretend|roleplay|role_play|speak|operate|function|reply"
        " as|like|to_be|that_you_are|as_if_you_are|as_if_you_were|as_though_you_are if|an|a|the|you|my|are?2"
        f" {_UNBOUND}!",
    ),
    written(
        "breakout.no_longer_bound",
        CRITICAL,
        f"{_YOU_ARE}|you_aren_t|act_as_if_you_are now|therefore|thus?2 no_longer|not|not_any_more|free_and_not"
        f" bound|constrained|restricted|limited|governed|controlled! by|to *?3 {_LIMITS}|{_MAKERS}|programming|training"
        "|instructions",
    ),
    written(
        "breakout.free",
        CRITICAL,
        f"{_YOU_ARE}|you_have_been now|finally|completely?2 free|freed|liberated|released|unshackled! from|of"
        f" all|any|the|your|those|of?4 {_SAFETY}|{_MAKERS}|s?3"
        " restrictions|limitations|guidelines|guardrails|censorship|programming",
    ),
    written(
        "breakout.ai_without",
        CRITICAL,
        f"pretend|imagine|act|behave|roleplay|role_play|respond|answer|{_YOU_ARE}|simulate *?6 {_AI} *?5"
        " without|with_no|has_no|have_no|having_no|free_of|free_from|ignores|ignoring|lacks|doesn_t_have|does_not_have"
        f"|not_bound_by|unbound_by any|all|the|its?2 *?3 {_LIMITS}!",
    ),
    written(
        "breakout.pretend_none",
        SUSPICIOUS,
        "pretend|act_as_if|act_as_though|behave_as_if|imagine that|you|there|are|were|to?4"
        f" have_no|has_no|had_no|are_no|without|do_not_have|don_t_have any|all?2 {_SAFETY}?3 {_LIMITS}!",
    ),
    written(
        "breakout.fiction",
        SUSPICIOUS,
        "hypothetical|fictional|imaginary|alternate world|scenario|story|universe|response|reality *?6 no|without"
        f" any|{_SAFETY}?3 restrictions|ethics|morals|laws|guidelines|censorship|limitations!",
    ),
    written("breakout.character", SUSPICIOUS, "never|do_not|don_t|without break|breaking character!"),
    written(
        "breakout.other_self",
        SUSPICIOUS,
        f"your evil|{_UNBOUND}! self|twin|persona|alter_ego|side|version|counterpart",
    ),
    written(
        "breakout.not_an_ai",
        SUSPICIOUS,
        f"{_YOU_ARE} no_longer|not an|a|just?1 chatgpt|claude|gemini|copilot|siri|gpt!"
        " but|anymore|any_more|you|from|now",
    ),
    # system-prompt extraction
    written(
        "extraction.your_prompt",
        SUSPICIOUS,
        f"{_TELL} me|us|out|back|to|the_user|for_me?3 all|of|{_WHOLE}?4 your"
        f" system|initial|developer|base|pre|first|and|confidential|{_WHOLE}?4"
        " prompt|prompts|preprompt|instruction|instructions!",
    ),
    written(
        "extraction.the_prompt",
        SUSPICIOUS,
        f"{_TELL} me|us|out|back?3 all|of|{_WHOLE}?4"
        f" system_prompt|system_message|initial_prompt|hidden_instructions|developer_message *?4 {_WORD_FOR_WORD}!",
    ),
    written(
        "extraction.to_me",
        SUSPICIOUS,
        f"show|tell|give|send|print|read|repeat me|us all|of|{_WHOLE}?4 system|hidden|initial|developer|secret|original"
        " prompt|instructions!",
    ),
    written(
        "extraction.what_is",
        SUSPICIOUS,
        f"what_is|what_s|what_are|what_were|what_was|tell_me the?1 your {_WHOLE}?2"
        " system|initial|original|hidden|secret|exact prompt|instructions|message!",
    ),
    written(
        "extraction.given",
        SUSPICIOUS,
        f"what|which were|are|was|is|{_WHOLE}?3 instructions|prompt|rules! were|have|did|that?2"
        " you_given|you_been_given|you_receive|you_told|you_start_with",
    ),
    written(
        "extraction.all_above",
        SUSPICIOUS,
        "repeat|print|output|copy|recite|write|display|echo|paste back|me|out?1"
        " everything|anything|all|text|words|content|message|messages|the"
        " of|the|that|is|text|words|content|message|messages|lines|you_see|written?5 above|before"
        f" *?4 {_WORD_FOR_WORD}!",
    ),
    written(
        "extraction.repeat_above",
        SUSPICIOUS,
        "repeat|recite! everything|all of|the|text|words|that|is?3 above",
    ),
    written(
        "extraction.begins",
        SUSPICIOUS,
        "starting|starts|beginning|begins! with|from the|words|word|phrase|text?3 you_are"
        " chatgpt|claude|gemini|a|an|gpt|assistant|copilot|grok",
    ),
    written(
        "extraction.confidential",
        SUSPICIOUS,
        f"{_TELL} me|us?2 all|of?2 your confidential|hidden|secret|internal|system|private! and|system?2"
        " instructions|rules|guidelines|directives|configuration|prompt|prompts|policies",
    ),
    # names of jailbreaks
    written(
        "jailbreak.do_anything_now",
        SUSPICIOUS,
        "can|may|for|as|called|means|named|mode|dan|stands_for|able_to|will|ai is?1 do anything! now",
    ),
    written(
        "jailbreak.dan",
        SUSPICIOUS,
        "act_as|act_like|pretend_to_be|you_are_now|become|roleplay_as|respond_as|answer_as|you_are_going_to_act_as"
        "|simulate|stay_a|stay_as|enter|enable|activate a|the|an|mode?1"
        " dan|stan|dude|aim|devmode|betterdan|antigpt|antidan|evilbot!",
    ),
    written(
        "jailbreak.dan_mode",
        SUSPICIOUS,
        "dan|devmode|antigpt|stan! mode is|now|has|been?2 enabled|activated|on|engaged|unlocked|prompt",
    ),
    written(
        "jailbreak.developer_mode",
        SUSPICIOUS,
        f"chatgpt|gpt|claude|gemini|bard|ai|assistant|llm|simulate|{_YOU_ARE} now|in|with|running_in|is|running|has|a?3"
        " developer|god|sudo|jailbreak|root|debug|dan! mode is|now?2"
        " enabled|activated|on|engaged|and|where|output|unlocked|you|with",
    ),
    written(
        "jailbreak.jailbroken",
        CRITICAL,
        "you_are_now|you_re_now|you_are_a|you_are_an|act_as|become a|an|the|fully|completely?3 jailbroken!",
    ),
    written(
        "jailbreak.mode",
        SUSPICIOUS,
        f"enter|enable|activate|switch_to|engage|you_are_in the|your|into?1 jailbreak|dan|{_UNBOUND}! mode",
    ),
    written("jailbreak.machiavellian", CRITICAL, "always_intelligent and machiavellian!"),
    written("jailbreak.avoid_norms", CRITICAL, "strive|strives to_avoid norms!"),
    written("jailbreak.confidant", CRITICAL, "evil confidant!"),
    written(
        "jailbreak.grandmother",
        SUSPICIOUS,
        "deceased|dead|late grandmother|grandma|granny! *?6 used_to|who_would read|tell|recite|sing",
    ),
    # safety bypass
    written(
        "bypass.yours",
        CRITICAL,
        "bypass|circumvent|disable|deactivate|remove|override|evade|suspend|drop|lift|ignore|abandon|violate!"
        f" all|any|of|the|every?4 your {_SAFETY}?3"
        " guardrails|guardrail|safeguards|ethics|alignment|censorship|ethical_guidelines|safety_guidelines"
        "|safety_filters|safety_protocols|safety_restrictions|safety_rules|content_policy|content_policies|content_restrictions"
        "|ethical_restrictions|moral_guidelines|ethical_constraints|usage_policies|content_filters|content_filter"
        "|safety_training|safety_measures|security_protocols|moderation",
    ),
    written(
        "bypass.you_must",
        CRITICAL,
        "you can|may|must|will|should|shall|are_to|need_to *?2"
        " bypass|circumvent|disable|deactivate|ignore|override|disregard|evade! all|any|the|every?3"
        f" safety|ethical|moral|content {_SAFETY}?2 guidelines|filters|protocols|restrictions|guardrails|policies"
        "|constraints|rules",
    ),
    written(
        "bypass.answer_without",
        SUSPICIOUS,
        f"answer|respond|reply|comply|talk|speak *?6 without|with_no|no any|all?2 {_SAFETY}|legal?3"
        " disclaimers|disclaimer|censorship|ethics|morals|moralizing|moralising|refusals|guardrails|restrictions!",
    ),
    written(
        "bypass.never_refuse",
        SUSPICIOUS,
        "you will|must|shall|should|can?1 never|not|cannot|can_t|won_t|must_not ever|be|able|to?2"
        " refuse|decline|reject!"
        " to|any|a|my|the|answer|fulfil|fulfill|user|s?3"
        " request|requests|question|questions|instruction|instructions|command|commands|prompt|order|orders",
    ),
    written(
        "bypass.makers_rules",
        SUSPICIOUS,
        f"{_MAKERS}! s|content|usage|safety|and?2 policy|policies|guidelines|rules|restrictions"
        " do_not_apply|don_t_apply|no_longer_apply|are_disabled|are_suspended|does_not_apply",
    ),
    written(
        "bypass.lifted",
        CRITICAL,
        f"your safety|content|ethical|moral {_SAFETY}?3"
        " filters|guidelines|restrictions|limitations|guardrails|safeguards|protocols! are|have_been|were"
        " now|all|temporarily?2 disabled|removed|lifted|off|turned_off|suspended|deactivated",
    ),
    written(
        "bypass.none",
        SUSPICIOUS,
        f"you_have|you_possess no {_SAFETY}?3"
        " ethics|morals|guardrails|censorship|ethical_guidelines|moral_compass|ethical_or_moral|content_filters!",
    ),
    written(
        "bypass.conceal",
        SUSPICIOUS,
        "do_not|don_t|never|without ever?1 tell|telling|inform|informing|alert|alerting|reveal|mention|let|notify!"
        " this|any|of|these|it|instructions|instruction|to?3 the_user|user about|that|anything|know|of|you",
    ),
)
"""Family by family, the most telling first."""
