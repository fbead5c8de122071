"""The phrases of the content scanner in German, French, Spanish and Chinese, and the marks of a chat.

A few for each language, without accents: the text is searched without them too.
"""

from stack_local.domain.scan_patterns import Family, Verdict, Writing, written

CRITICAL, SUSPICIOUS = Verdict.CRITICAL, Verdict.SUSPICIOUS

_GERMAN = (
    written(
        "override.german",
        CRITICAL,
        "ignoriere|ignorier|ignorieren|ignoriert|vergiss|vergesse|vergessen|missachte|missachten|ubergehe!"
        " alle|allen|aller|samtliche|jede|die|der|den|deine|deiner|deinen|ihre|eure|meine|sie|du|bitte|nun|jetzt?5"
        " vorherigen|vorherige|vorigen|vorige|bisherigen|bisherige|obigen|obige|fruheren|fruhere|vorangegangenen"
        "|vorangehenden|ursprunglichen|deine|deiner und|oder|deine?2"
        " anweisungen|anweisung|instruktionen|befehle|regeln|vorgaben|richtlinien|prompts|systemanweisungen",
    ),
    written(
        "extraction.german",
        SUSPICIOUS,
        "zeige|zeig|nenne|verrate|verrat|gib|gebe|wiederhole|sage|sag *?3 deinen|deine|dein"
        " vollstandigen|vollstandige|geheimen|geheime|gesamten|ursprunglichen|genauen|internen?2"
        " systemprompt|system_prompt|systemanweisungen|systemanweisung|systemnachricht|prompt!",
    ),
    written(
        "breakout.german",
        CRITICAL,
        "du_bist|ab_jetzt_bist_du|tu_so|verhalte_dich|spiele|antworte|stell_dir_vor *?7"
        " ki|modell|assistent|chatbot|bot|sprachmodell *?3 ohne jegliche|jede|alle?2"
        " einschrankungen|beschrankungen|zensur|filter|ethik|regeln|richtlinien!",
    ),
    written(
        "bypass.german",
        CRITICAL,
        "umgehe|deaktiviere|ignoriere|umgehen|deaktivieren! alle|samtliche?2 deine|deinen internen|eigenen?1"
        " sicherheitsrichtlinien|sicherheitsfilter|inhaltsfilter|sicherheitsregeln|ethikrichtlinien|schutzmassnahmen"
        "|sicherheitsvorgaben",
    ),
    written(
        "jailbreak.german",
        SUSPICIOUS,
        "aktiviere|du_bist_jetzt_im|wechsle_in_den den|im?1 jailbreak|jailbroken|dan! modus|mode",
    ),
)

_FRENCH = (
    written(
        "override.french",
        CRITICAL,
        "ignore|ignorez|ignorer|oublie|oubliez|oublier|neglige|negligez!"
        " toutes|tous|toute|tout|les|tes|vos|ces|mes|de|des|la?4"
        " instructions|instruction|consignes|directives|regles|ordres et|consignes|systeme|du|qui?3"
        " precedentes|precedents|precedente|anterieures|anterieurs|ci_dessus|initiales|prealables",
    ),
    written(
        "extraction.french",
        SUSPICIOUS,
        "revele|revelez|montre|montrez|affiche|affichez|repete|repetez|donne|divulgue! *?3 ton|votre|tes|vos propre?1"
        " prompt_systeme|invite_systeme|message_systeme|instructions_systeme|prompt_initial|instructions_initiales"
        "|consignes_initiales|instructions_secretes|prompt",
    ),
    written(
        "breakout.french",
        CRITICAL,
        "tu_es|vous_etes|agis|agissez|comporte_toi|fais_comme_si|imagine *?6"
        " ia|intelligence_artificielle|assistant|modele|chatbot *?3 sans aucune|aucun?2"
        " restriction|restrictions|censure|filtre|filtres|limites|limite|ethique|regles!",
    ),
    written(
        "bypass.french",
        CRITICAL,
        "contourne|contournez|desactive|desactivez|ignore|ignorez! tous|toutes?2 tes|vos"
        " filtres|regles|restrictions|garde_fous|consignes|protections de_securite|ethiques|de_contenu|morales",
    ),
    written("jailbreak.french", SUSPICIOUS, "active|passe_en|entre_en|tu_es_en le?1 mode jailbreak|dan|debride!"),
)

_SPANISH = (
    written(
        "override.spanish",
        CRITICAL,
        "ignora|ignore|ignorar|ignorad|olvida|olvide|olvidar|descarta|omite!"
        " todas|todos|toda|las|los|la|tus|sus|mis|estas|de?4 anteriores|previas?1"
        " instrucciones|instruccion|indicaciones|ordenes|reglas|directrices y|reglas|del|sistema|que|son?3"
        " anteriores|anterior|previas|previos|precedentes|iniciales|recibidas",
    ),
    written(
        "extraction.spanish",
        SUSPICIOUS,
        "revela|revele|muestra|muestrame|muestre|dime|repite|imprime|ensename! *?3 tu|su|tus|sus propio?1"
        " prompt_del_sistema|prompt_de_sistema|mensaje_del_sistema|instrucciones_del_sistema|instrucciones_iniciales"
        "|prompt_inicial|prompt_secreto|instrucciones_secretas",
    ),
    written(
        "breakout.spanish",
        CRITICAL,
        "actua|actuas|finge|eres|comportate|imagina *?6 ia|inteligencia_artificial|modelo|asistente|chatbot *?3"
        " sin ninguna|ningun?2 restricciones|restriccion|filtros|limites|censura|etica|reglas!",
    ),
    written(
        "bypass.spanish",
        CRITICAL,
        "desactiva|omite|evita|elude|ignora|anula! todos|todas?2 tus|sus"
        " filtros|restricciones|reglas|protocolos|politicas de_seguridad|de_contenido|eticas|eticos|morales",
    ),
    written("jailbreak.spanish", SUSPICIOUS, "activa|entra_en|estas_en el?1 modo jailbreak|dan!"),
)

ABROAD = _GERMAN + _FRENCH + _SPANISH
"""German, French and Spanish."""

_NEAR, _CLOSE = r"[^\n。]{0,8}", r"[^\n。]{0,6}"

CHINESE = (
    Writing(
        "override.chinese",
        Family.OVERRIDE,
        CRITICAL,
        ("忽略", "无视", "忽视", "忘记", "忘掉", "理会", "抛弃", "無視", "忽視", "忘記"),
        rf"(?:忽略|无视|忽视|忘记|忘掉|不要理会|抛弃|無視|忽視|忘記){_NEAR}(?:之前|以上|先前|上面|此前|系统|系統){_NEAR}"
        r"(?:指令|指示|提示|规则|規則|命令|设定|設定|约束|限制)",
    ),
    Writing(
        "extraction.chinese",
        Family.EXTRACTION,
        SUSPICIOUS,
        ("系统提示", "提示词", "初始指令", "系统指令", "系统消息", "隐藏指令", "系統提示", "提示詞"),
        rf"(?:告诉我|显示|输出|打印|重复|透露|泄露|展示|说出|告訴我|顯示|輸出){_CLOSE}[你您]的{_CLOSE}"
        r"(?:系统提示|提示词|初始指令|系统指令|系统消息|隐藏指令|系統提示|提示詞)",
    ),
    Writing(
        "breakout.chinese",
        Family.BREAKOUT,
        CRITICAL,
        ("限制", "约束", "审查", "道德", "約束", "審查"),
        r"(?:你现在是|你现在将|从现在起你|从现在开始你|假装你|扮演|假裝你|你現在是)[^\n。]{0,16}"
        rf"(?:没有任何|不受任何|沒有任何|不受){_CLOSE}(?:限制|约束|审查|道德|約束|審查)",
    ),
    Writing(
        "bypass.chinese",
        Family.BYPASS,
        CRITICAL,
        ("安全", "内容", "道德", "伦理", "內容"),
        rf"(?:绕过|关闭|禁用|解除|忽略|繞過|關閉){_CLOSE}[你您]的{_CLOSE}(?:安全|内容|道德|伦理|內容){_CLOSE}"
        r"(?:限制|过滤|准则|规则|审查|机制|過濾|準則)",
    ),
    Writing(
        "jailbreak.chinese",
        Family.JAILBREAK,
        SUSPICIOUS,
        ("越狱模式", "越獄模式"),
        r"(?:进入|开启|启用|激活|切换到|進入|開啟)[^\n。]{0,4}越[狱獄]模式",
    ),
)
"""Simplified, and the words that traditional writing has otherwise."""

MARKS = (
    Writing(
        "override.chat_marks",
        Family.OVERRIDE,
        SUSPICIOUS,
        ("<|im_start|>", "<<sys>>", "<|start_header_id|>"),
        r"<\|im_start\|>\s{0,4}system|<<sys>>|<\|start_header_id\|>\s{0,4}system",
    ),
    Writing(
        "override.heading",
        Family.OVERRIDE,
        SUSPICIOUS,
        ("###",),
        r"###\s{0,4}(?:new|updated|system)\s{1,4}(?:instructions?|prompt|override)\s{0,4}:",
    ),
)
"""How a made-up turn of the system is announced."""
